// What the upstream's documentation leaves open, both ways: the gateway's answers stay true, whichever way
// the real one turns out to be.
import { describe, it, type TestContext } from "vitest";
import { readConfig } from "../../src/config/config.js";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createLog } from "../../src/serve/logging/create-log.js";
import { serve } from "../../src/serve/serve.js";
import { createCaller } from "../support/grpc-caller.js";
import { KEYS } from "../support/processes.js";

const UNKNOWN = "device-nobody";

async function setUp({ onTestFinished }: TestContext, options: EmulatorOptions) {
  const emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 10, ...options });
  const environment = {
    ...KEYS,
    OTA_LISTEN: "127.0.0.1:0",
    OTA_ADMIN_LISTEN: "127.0.0.1:0",
    OTA_UPSTREAM_URL: emulator.url,
    OTA_LOG_LEVEL: "silent",
  };
  const config = readConfig(environment);
  const gateway = await serve(config, createLog(config.logLevel), environment);
  const caller = createCaller(gateway.grpc);
  onTestFinished(async () => {
    caller.close();
    await gateway.stop();
    await emulator.close();
  });
  return { emulator, caller };
}

describe.concurrent("a request with an unknown device among known ones", () => {
  const known = [seededName(0), seededName(1), seededName(2)];

  it.for([
    { unknownDevice: "reject", refusedCall: "cancels-none" },
    { unknownDevice: "reject", refusedCall: "cancels-rest" },
    { unknownDevice: "ignore", refusedCall: "cancels-none" },
  ] as const)("is answered truly by an upstream with %o", async (options, test) => {
    const { emulator, caller } = await setUp(test, options);
    const { results } = await caller.cancel([...known, UNKNOWN]).answer;
    const outcomes = results.map(({ outcome }) => outcome);
    // An upstream that ignores it says Success, and that is all that ACCEPTED claims.
    const last = options.unknownDevice === "reject" ? Outcome.REJECTED : Outcome.ACCEPTED;
    test.expect(outcomes).toEqual([Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.ACCEPTED, last]);
    test.expect(known.map((name) => emulator.taskOf(name))).toEqual(["CANCELED", "CANCELED", "CANCELED"]);
  });
});

describe.concurrent("a device that has nothing to cancel any more", () => {
  it.for(["ignore", "reject-any", "reject-all"] as const)(
    "is told apart from one that has, by an upstream that does `%s`",
    async (nothingToCancel, test) => {
      const { emulator, caller } = await setUp(test, { nothingToCancel });
      await caller.cancel([seededName(0)]).answer;
      const { results } = await caller.cancel([seededName(0), seededName(1)]).answer.catch(() => ({ results: [] }));
      // Regardless of the first device, the second is accepted only if it is canceled.
      if (results[1]?.outcome === Outcome.ACCEPTED) test.expect(emulator.taskOf(seededName(1))).toBe("CANCELED");
      if (nothingToCancel !== "reject-any") test.expect(results[1]?.outcome).toBe(Outcome.ACCEPTED);
    },
  );
});
