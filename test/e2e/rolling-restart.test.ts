// Replicas that are replaced one after the other under load: real processes, and the client that we
// ship.
import { afterEach, describe, expect, it } from "vitest";
import { connect } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { endPrograms } from "../support/processes.js";
import { BACKLOGS, startPair } from "../support/rolling-restart.js";

const { productKey, firmwareId } = DEFAULTS;

/** Each has one request at a time. */
const WORKERS = 8;

afterEach(endPrograms);

interface Told {
  answered: number;
  readonly failed: string[];
}

/** Asks again and again until `stop`; resolves when every request has been answered. */
function startWork(ask: () => Promise<boolean>): { readonly told: Told; stop(): Promise<void> } {
  const told: Told = { answered: 0, failed: [] };
  let isOver = false;
  const work = async () => {
    while (!isOver) {
      await ask().then(
        (success) => (success ? told.answered++ : told.failed.push("no success")),
        (error: Error) => told.failed.push(error.message),
      );
    }
  };
  const all = Promise.all(Array.from({ length: WORKERS }, work));
  return {
    told,
    stop: async () => {
      isOver = true;
      await all;
    },
  };
}

describe("a rolling restart under load", () => {
  it("fails no request of the Node client (was: each, for the length of the drain)", async () => {
    const { emulator, addresses, names, restart } = await startPair("fleet-backend");
    const client = connect(`ipv4:${addresses.join(",")}`, { caller: "fleet-backend" });
    const load = startWork(async () => {
      const { success } = await client.cancelTasksByDevice({ productKey, firmwareId, deviceNames: names.take(1) });
      return success;
    });
    expect(await restart()).toBe(BACKLOGS);
    await load.stop();
    client.close();
    expect(load.told.failed).toEqual([]);
    expect(load.told.answered).toBeGreaterThan(WORKERS);
    expect((await emulator.stats()).devicesCanceled).toBe(load.told.answered + BACKLOGS);
  });
});
