// The promise, judged by an upstream that shares nothing with the gateway or its emulator: it counts a call
// anywhere between its arrival and its answer, as a distant one behind a jittery network would.
import { afterAll, describe, expect, it } from "vitest";
import { startEmulator } from "../../src/emulator/server.js";
import { mostInAnySecond } from "../support/arrivals.js";
import { type Caller, createCaller } from "../support/grpc-caller.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import { endPrograms, runGateway, until } from "../support/processes.js";
import { seededRandom } from "../support/seeded-random.js";
import { waitingDevices } from "../support/waiting-devices.js";

const CALLERS = 20;
/** 6,000 devices: three times what the tokens carry, for it is when they come back that decides. */
const REQUESTS = 1200;
const DEVICES_PER_REQUEST = 5;
/** An answer takes 20 ms ± 40, and never less than nothing. */
const LONGEST_ANSWER_MS = 60;

afterAll(endPrograms);

describe("ota-gateway serve", () => {
  it("sends 6,000 devices of 1,200 requests in full calls, each once, and never more than 10 in a second", async () => {
    const random = seededRandom(6000);
    const arrivals: number[] = [];
    const sent: string[] = [];
    const everybodyAsks = { ...Promise.withResolvers<void>(), isOver: false };
    let inFirstCalls = 0;
    const upstream = await startHttpUpstream(async ({ deviceNames }) => {
      inFirstCalls += everybodyAsks.isOver ? 0 : deviceNames.length;
      await everybodyAsks.promise;
      const answerMs = random() * LONGEST_ANSWER_MS;
      const outwardMs = random() * answerMs;
      await pause(outwardMs);
      arrivals.push(performance.now());
      sent.push(...deviceNames);
      await pause(answerMs - outwardMs);
      return {};
    });
    const gateway = await runGateway(upstream.url, { OTA_UPSTREAM_TIMEOUT_MS: "120000" });
    const callers = Array.from({ length: CALLERS }, (_, n) =>
      createCaller(gateway.grpc, { "x-ota-caller": `service-${n}` }),
    );
    const names = Array.from({ length: REQUESTS * DEVICES_PER_REQUEST }, (_, n) => `device-${n}`);
    const asked = Array.from({ length: REQUESTS }, (_, n) => {
      const deviceNames = names.slice(n * DEVICES_PER_REQUEST, (n + 1) * DEVICES_PER_REQUEST);
      return (callers[n % CALLERS] as Caller).cancel(deviceNames).answer;
    });
    // The first calls take what has arrived by then, and are held until the last request has arrived.
    await until(async () => (await waitingDevices(gateway.grpc)) === names.length - inFirstCalls);
    everybodyAsks.isOver = true;
    everybodyAsks.resolve();
    const answers = await Promise.all(asked);
    for (const caller of callers) caller.close();
    await upstream.close();

    expect(answers.filter(({ success }) => success)).toHaveLength(REQUESTS);
    expect(sent.toSorted()).toEqual(names.toSorted());
    expect(arrivals.length).toBeLessThanOrEqual(10 + Math.ceil((names.length - inFirstCalls) / 200));
    expect(mostInAnySecond(arrivals)).toBeLessThanOrEqual(10);
  });
});

const ON_ARRIVAL_REQUESTS = 5;
const ON_ARRIVAL_DEVICES = 6000;
const PROCESSING_MS = 230;

describe("ota-gateway serve with OTA_QUOTA_COUNTED=arrived", () => {
  it("makes calls before answers allow it, and never more than 10 in a second", async () => {
    const arrivals: number[] = [];
    const emulator = await startEmulator({
      listen: "127.0.0.1:0",
      devices: ON_ARRIVAL_REQUESTS * ON_ARRIVAL_DEVICES,
      ...{ latencyMs: 20, jitterMs: 20, processingMs: PROCESSING_MS, random: seededRandom(PROCESSING_MS) },
      faults: () => void arrivals.push(performance.now()),
    });
    const { stats } = emulator;
    const gateway = await runGateway(emulator.url, { OTA_QUOTA_COUNTED: "arrived" });
    const caller = createCaller(gateway.grpc, { "x-ota-caller": "service" });
    const asked = Array.from({ length: ON_ARRIVAL_REQUESTS }, (_, request) => {
      const number = (n: number) => String(request * ON_ARRIVAL_DEVICES + n).padStart(7, "0");
      const deviceNames = Array.from({ length: ON_ARRIVAL_DEVICES }, (__, n) => `device-${number(n)}`);
      return caller.cancel(deviceNames).answer;
    });
    const answers = await Promise.all(asked);
    caller.close();
    await emulator.close();

    expect(answers.filter(({ success }) => success)).toHaveLength(ON_ARRIVAL_REQUESTS);
    const after = stats();
    expect(after).toMatchObject({ refused: {}, devicesCanceled: 30_000, repeatedCancels: 0 });
    expect(after.worstSecond).toBeLessThanOrEqual(10);
    // A token that is out until a second after the answer carries its next call no sooner than that.
    const isEarly = (ms: number, n: number) => n >= 10 && ms - (arrivals[n - 10] as number) < 1000 + PROCESSING_MS;
    const early = arrivals.map(isEarly);
    expect(early.slice(0, 50)).not.toContain(true); // it has yet to learn
    expect(early).toContain(true);
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
