// The probe against the emulator, set each way: what it reports is how the emulator was set, and no task is lost
// but those that were given up.
import { describe, expect, it } from "vitest";
import { reportJson } from "../../src/cli/probe/report.js";
import { PAUSE_MS } from "../../src/cli/probe/run.js";
import { JOB_QUESTIONS, OPEN_DEFAULTS, QUESTIONS } from "../../src/emulator/open-questions.js";
import { choicesOf, GIVEN_UP, IDLE, LEAST_GIVEN, type Probing, startProbing } from "../support/probing.js";
import { seededRandom } from "../support/seeded-random.js";

/** These are asked only with leave to exceed the quota. */
const THROTTLES: readonly string[] = ["counted", "throttleCode", "throttleStatus", "throttleHint"];
const ASKED = Object.keys(QUESTIONS).filter((name) => !THROTTLES.includes(name)) as (keyof typeof QUESTIONS)[];
const EACH = ASKED.flatMap((name) => QUESTIONS[name].choices.map((choice) => [name, choice] as const));

const everything = ({ foreignFirmwareId }: Probing) => ({
  ...LEAST_GIVEN,
  idleDevice: IDLE,
  foreignFirmwareId,
  sacrificialDevices: GIVEN_UP,
});

describe("ota-gateway probe", () => {
  it.for(EACH)("finds out that %s is %s, and how everything else is", async ([name, choice], test) => {
    const instanceId = "iot-probed";
    const probing = await startProbing(test, { instanceId, running: true, [name]: choice });
    const probe = await probing.run({ ...everything(probing), instanceId });
    expect(probe.endedBy).toBeUndefined();
    const settings = Object.entries({ ...OPEN_DEFAULTS, [name]: choice });
    // Then no call is refused for some of its devices, so the fate of the others cannot be seen.
    const moot = name === "unknownDevice" && choice === "ignore" ? ["refusedCall"] : [];
    const notAsked = [...THROTTLES, ...moot, ...Object.keys(JOB_QUESTIONS)];
    const expected = settings.filter(([each]) => !notAsked.includes(each));
    expect(choicesOf(probe)).toEqual(Object.fromEntries(expected));
    expect(reportJson(probe)).toMatchObject({ finished: true, newCodes: [] });
  });

  it("never says what is not so, and cancels nothing, however the emulator is set and whatever is given", async (test) => {
    const random = seededRandom(7);
    for (let run = 0; run < 60; run++) {
      const settings = Object.fromEntries(
        Object.entries(QUESTIONS).map(([name, { choices }]) => [name, choices[Math.floor(random() * choices.length)]]),
      );
      const givesUp = random() < 0.5;
      const probing = await startProbing(test, { running: givesUp, ...settings });
      const probe = await probing.run({
        ...LEAST_GIVEN,
        ...(random() < 0.7 ? { idleDevice: IDLE } : {}),
        ...(random() < 0.5 ? { foreignFirmwareId: probing.foreignFirmwareId } : {}),
        sacrificialDevices: givesUp ? GIVEN_UP : [],
      });
      expect(probe.endedBy).toBeUndefined();
      expect(settings).toMatchObject(choicesOf(probe));
      expect(reportJson(probe)).toMatchObject({ newCodes: [] });
      if (!givesUp) expect(probing.emulator.stats()).toMatchObject({ devicesCanceled: 0, tasks: { SUCCEEDED: 3 } });
      await probing.emulator.close();
    }
  });

  it.concurrent.for([
    {
      window: "sliding",
      counted: "arrived",
      throttleCode: "Throttling.User",
      throttleStatus: "400",
      throttleHint: "x-acs-retry-after",
    },
    {
      window: "sliding",
      counted: "answered",
      throttleCode: "Throttling",
      throttleStatus: "429",
      throttleHint: "none",
    },
    {
      window: "fixed",
      counted: "arrived",
      throttleCode: "Throttling.Api",
      throttleStatus: "400",
      throttleHint: "x-ratelimit-user-api",
    },
  ] as const)("finds out how a quota is cut and exceeded, with leave: %o", async (settings, test) => {
    const { run, emulator } = await startProbing(test, { quota: 10, processingMs: 100, ...settings });
    const find = async () => choicesOf(await run({ ...LEAST_GIVEN, throttlingQuota: 10 }, { pauseMs: 110 }));
    let found = await find();
    // On a busy machine it may have to say that it cannot tell, and never says what is not so.
    for (let again = 0; again < 3 && Object.keys(settings).some((name) => !Object.hasOwn(found, name)); again++) {
      test.expect({ ...settings, ...found }).toMatchObject(settings);
      found = await find();
    }
    test.expect(found).toMatchObject(settings);
    test.expect(emulator.stats()).toMatchObject({ devicesCanceled: 0, tasks: { SUCCEEDED: 3 } });
  });

  it("sends less than a call a second without that leave", async (test) => {
    const { run, emulator } = await startProbing(test, { quota: 1 });
    const probe = await run(LEAST_GIVEN, { pauseMs: PAUSE_MS });
    expect(probe.evidence.throttles).toEqual([]);
    expect(emulator.stats()).toMatchObject({ worstSecond: 1 });
    expect(emulator.stats().arrivals).toBeGreaterThan(5);
  });
});
