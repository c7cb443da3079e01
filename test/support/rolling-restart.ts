// Two gateways that are replaced one after the other while requests wait in them, at addresses that
// stay the same. Each drains for more than a second.
import { connect } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { freePort } from "./free-port.js";
import { type EmulatorProgram, runEmulator, runGateway, until } from "./processes.js";
import { Names } from "./replicas.js";
import { waitingDevices } from "./waiting-devices.js";

const { productKey, firmwareId } = DEFAULTS;

/** Devices that wait in a gateway when it gets its SIGTERM: thirty calls, at twenty a second. */
const BACKLOG = 6000;

const HOSTS = ["127.0.0.1", "127.0.0.2"] as const;

export interface Pair {
  readonly emulator: EmulatorProgram;
  /** host:port of each: one port of two hosts, so that a name can have both. */
  readonly addresses: readonly string[];
  readonly names: Names;
  /** Replaces both. Resolves with the number of devices that waited, all of them canceled. */
  restart(): Promise<number>;
}

/**
 * `callers` balance over both. A gateway counts as replaced once the new one has served each, as
 * replicas get time to be found (minReadySeconds): clients try an address again only after a while.
 */
export async function startPair(...callers: readonly string[]): Promise<Pair> {
  const emulator = await runEmulator("--devices", "50000", "--quota", "1000");
  const port = await freePort();
  const addresses = HOSTS.map((host) => `${host}:${port}`);
  const start = async (address: string) => {
    const gateway = await runGateway(emulator.url, { OTA_LISTEN: address, OTA_QUOTA_CALLS_PER_SECOND: "20" });
    await gateway.opened();
    return gateway;
  };
  const gateways = await Promise.all(addresses.map(start));
  const names = new Names();

  /** Returns the number of those that waited and were canceled. */
  const replace = async (index: number): Promise<number> => {
    const address = addresses[index] as string;
    const client = connect(address);
    const request = { productKey, firmwareId, deviceNames: names.take(BACKLOG) };
    const backlog = client.cancelTasksByDevice(request);
    await Promise.race([backlog, untilWaiting(address)]);
    gateways[index]?.kill("SIGTERM");
    const { results } = await backlog;
    client.close();
    await gateways[index]?.ended;
    const successor = await start(address);
    gateways[index] = successor;
    await Promise.all(callers.map((caller) => successor.said(new RegExp(`"caller":"${caller}"`))));
    return results.filter(({ ok }) => ok).length;
  };

  return {
    emulator,
    addresses,
    names,
    restart: async () => (await replace(0)) + (await replace(1)),
  };
}

export const BACKLOGS = 2 * BACKLOG;

async function untilWaiting(address: string): Promise<void> {
  await until(async () => (await waitingDevices(address)) >= BACKLOG / 2);
}
