// A process of a service that cancels without the gateway: several callers send their parts of the
// devices through one peer. It receives its task, says when it is ready, starts on command, and
// reports what its callers were answered.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { officialSdk } from "./official-sdk.js";
import { factsOf, type PeerName } from "./peers.js";

export interface Task {
  readonly peer: PeerName;
  readonly url: string;
  readonly redisUrl: string;
  readonly isShared: boolean;
  readonly callers: number;
  /** The devices by the numbers in their names. The callers take them in turn. */
  readonly indexes: readonly number[];
  /** A device of another caller that arrives when all have begun; none if absent. */
  readonly bystander?: number;
  /** Later answers are not waited for. */
  readonly withinMs: number;
}

export interface Told {
  readonly accepted: number;
  readonly failed: number;
  /** How long the bystander waited. */
  readonly bystanderMs?: number;
}

const BYSTANDER_COMES_MS = 500;
const WARM_UP_CALLS = 50;

const [task] = (await once(process, "message")) as [Task];
const { create, inTurn = false } = factsOf(task.peer);
const peer = create({
  cancelTasks: officialSdk(new URL(task.url)),
  redisUrl: task.redisUrl,
  isShared: task.isShared,
});
const told: { -readonly [Name in keyof Told]: Told[Name] } = { accepted: 0, failed: 0 };

const cancel = (index: number) =>
  peer.cancel(seededName(index)).then(
    () => void told.accepted++,
    () => void told.failed++,
  );

async function caller(nth: number): Promise<void> {
  const own = task.indexes.filter((_, n) => n % task.callers === nth);
  if (!inTurn) await Promise.all(own.map(cancel));
  else for (const index of own) await cancel(index);
}

async function bystander(index: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, BYSTANDER_COMES_MS));
  const startMs = performance.now();
  await peer.cancel(seededName(index)).catch(() => {});
  told.bystanderMs = performance.now() - startMs;
}

/**
 * Loads the SDK, as in a service that has been up for a while: a few calls to a server that answers
 * Success.
 */
async function warmUp(): Promise<void> {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end('{"RequestId":"1","Success":true}');
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const cancelTasks = officialSdk(new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  for (let n = 0; n < WARM_UP_CALLS; n++) await cancelTasks([seededName(n)]);
  server.close();
  server.closeAllConnections();
}

process.on("disconnect", () => process.exit());
await warmUp();
process.send?.("ready");
await once(process, "message");
const everybody = Array.from({ length: task.callers }, (_, nth) => caller(nth));
if (task.bystander !== undefined) everybody.push(bystander(task.bystander));
const late = new Promise((resolve) => setTimeout(resolve, task.withinMs));
await Promise.race([Promise.all(everybody), late]);
process.send?.(told);
