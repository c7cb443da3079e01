// A million devices as one operation, at the account's own rate: stored, carried out for a while,
// stopped, and read back. Each part is measured in the same gateway.
import { residentMb } from "../cpu.js";
import type { Goal } from "../goal.js";
import { NETWORK, startUpstream, TAKES_ALL } from "../processes.js";
import { ended, readResults, stopOperation, streamList, submitList } from "./lists.js";
import { startProbedGateway, useOf } from "./probed-gateway.js";

const DEVICES_PER_CALL = 200;
const CALLS_PER_SECOND = 10;

export interface MillionOptions {
  readonly devices: number;
  /** How many of them are carried out before it is stopped. */
  readonly drained: number;
}

/** `states`: the setting OTA_STATE for each store. */
export async function millionOf(
  states: ReadonlyMap<string, string>,
  { devices, drained }: MillionOptions,
): Promise<Goal[]> {
  const goals: Goal[] = [];
  const lists = [];
  // One after the other: storing and reading take processor time, sending almost none.
  for (const [store, state] of states) lists.push(await storedList(store, state, devices, goals));
  await Promise.all(lists.map((list) => drain(list, drained, goals)));
  for (const list of lists) await readBack(list, devices, goals);
  return goals;
}

async function storedList(store: string, state: string, devices: number, goals: Goal[]) {
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const gateway = await startProbedGateway(upstream, { OTA_STATE: state });
  const idleMb = residentMb(gateway.pid);
  // The first call of a process, whose code is not compiled yet, has nothing to do with the store.
  const first = await useOf(gateway, idleMb, () => streamList(gateway.grpc, DEVICES_PER_CALL));
  let name = "";
  const use = await useOf(gateway, idleMb, async () => {
    name = await submitList(gateway.grpc, devices);
  });
  goals.push(
    { name: `${store}, one call without it: ms for which the event loop was held`, value: first.held.ownMs },
    { name: `${store}, ${devices} devices: seconds until they are stored`, value: use.tookMs / 1000, most: 5 },
    { name: `${store}: MB more than idle until then, at most`, value: use.addedMb },
    {
      name: `${store}: µs of the gateway's processor for a device that is stored`,
      value: (1000 * use.cpuMs) / devices,
    },
  );
  return { store, upstream, gateway, idleMb, name, uses: [use] };
}

type List = Awaited<ReturnType<typeof storedList>>;

async function drain({ store, upstream, gateway, idleMb, name, uses }: List, devices: number, goals: Goal[]) {
  const before = await upstream.counts();
  const use = await useOf(gateway, idleMb, async () => {
    const calls = 1 + Math.floor(devices / DEVICES_PER_CALL); // one without the store
    while ((await upstream.counts()).succeeded < calls) await pause(100);
  });
  const after = await upstream.counts();
  const stopping = await useOf(gateway, idleMb, async () => {
    await stopOperation(gateway.grpc, name);
    await ended(gateway.grpc, name);
  });
  uses.push(use, stopping);
  // As in the scenario rollout: a token comes back a second after the answer.
  const calls = after.arrivals - before.arrivals;
  const spanMs = Number(after.lastArrivalEpochMs) - Number(before.lastArrivalEpochMs);
  const idealMs = (calls * (1000 + after.meanAnswerMs)) / CALLS_PER_SECOND;
  goals.push(
    { name: `${store}, ${calls} calls: first to last arrival, of the ideal`, value: spanMs / idealMs, most: 1.03 },
    { name: `${store}: most arrivals in a second`, value: after.worstSecond, most: CALLS_PER_SECOND },
  );
}

async function readBack({ store, upstream, gateway, idleMb, name, uses }: List, devices: number, goals: Goal[]) {
  let read = 0;
  const use = await useOf(gateway, idleMb, async () => {
    read = await readResults(gateway.grpc, name);
  });
  const heldMs = Math.max(...uses.map(({ held }) => held.ownMs));
  const collectedMs = Math.max(...[...uses, use].map(({ held }) => held.heldMs));
  const addedMb = Math.max(...[...uses, use].map((each) => each.addedMb));
  const held = "ms for which the event loop was held, at most";
  goals.push(
    { name: `${store}: devices in its results`, value: read, least: devices, most: devices },
    { name: `${store}: seconds until all pages of results are read`, value: use.tookMs / 1000, most: 30 },
    { name: `${store}: MB more than idle, at most`, value: addedMb, most: 150 },
    { name: `${store}, stored and carried out: ${held}`, value: heldMs, most: 20 },
    { name: `${store}, results read: ${held}`, value: use.held.ownMs, most: 20 },
    { name: `${store}: the longest hold with the collection of garbage`, value: collectedMs },
  );
  await gateway.stop();
  upstream.stop();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
