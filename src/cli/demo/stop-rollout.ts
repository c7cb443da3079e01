// The demo's second part: a rollout of 100,000 devices that update by themselves is stopped by the
// id of its firmware, and another one is left running to be stopped by hand.
import { connect } from "../../client/client.js";
import { DEFAULTS } from "../../emulator/options.js";
import type { Emulator } from "../../emulator/server.js";
import { followOperation } from "../follow.js";
import { stopText } from "../stop/stop-text.js";
import { paintFor } from "../terminal/paint.js";

const DEVICES = 100_000;
const STATES = { NOTIFIED: 8000, IN_PROGRESS: 3000, SUCCEEDED: 1200 };
const BAD_FIRMWARE = "EmulatedFirmware0000030200";
const NEXT_FIRMWARE = "EmulatedFirmware0000030300";
const { productKey } = DEFAULTS;

/** Resolves with whether the rollout was stopped. */
export async function stopRollout(address: string, emulator: Emulator, signal: AbortSignal): Promise<boolean> {
  emulator.startRollout({ firmwareId: BAD_FIRMWARE, devices: DEVICES, states: STATES, maximumPerMinute: 10_000 });
  emulator.startRollout({ firmwareId: BAD_FIRMWARE, kind: "dynamic", devices: 500, joinsPerSecond: 5 });
  process.stdout.write(
    `Now a bad firmware rolls out to ${DEVICES.toLocaleString("en-US")} devices, and more devices join. Nobody has a list of them:\n` +
      `the gateway stops it by its id, ${BAD_FIRMWARE}.\n\n`,
  );
  const client = connect(address, { caller: "on-call" });
  try {
    const request = { productKey, firmwareId: BAD_FIRMWARE, reason: "demo", settleMs: 60_000 };
    const { name } = await client.stopRollout(request);
    const status = await followOperation(client, name, signal);
    if (status.stop) process.stdout.write(`\n${stopText(status, status.stop, paintFor(process.stdout))}\n`);
    return status.success;
  } finally {
    client.close();
  }
}

/** Starts a rollout to be stopped by hand. Returns the command for it. */
export function rolloutToTry(address: string, emulator: Emulator): string {
  emulator.startRollout({ firmwareId: NEXT_FIRMWARE, devices: DEVICES, states: STATES, maximumPerMinute: 10_000 });
  return `node dist/cli.js stop --address ${address} --product-key ${productKey} --firmware-id ${NEXT_FIRMWARE}`;
}
