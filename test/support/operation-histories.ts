// Random histories of operations against what is promised: submissions, deaths, processes that are
// cut off from the store, a store that is away, stops, and an upstream that answers in any way.
import fc from "fast-check";
import { expect } from "vitest";
import { DEVICE_FAULT, LOST, type Reply, refused, THROTTLED, UNAVAILABLE } from "./fake-upstream.js";
import { type Mutation, OperationWorld, type WorldOptions, type WorldProcess } from "./operation-world.js";

const HOUR_MS = 3_600_000;
const INTERNAL = refused({ kind: "internal", recovered: false });
const ENDS = [
  undefined,
  undefined,
  undefined,
  undefined,
  LOST,
  THROTTLED,
  UNAVAILABLE,
  DEVICE_FAULT,
  INTERNAL,
] as const;

const step = fc.oneof(
  fc.record({
    kind: fc.constant("submit" as const),
    devices: fc.constantFrom<number>(1, 150, 2000, 2001, 5000, 9000),
    timeToLiveMs: fc.constantFrom<number>(8000, 20_000, 60_000, 3_600_000),
  }),
  fc.record({
    kind: fc.constantFrom("start" as const, "die" as const, "cut off" as const, "heal" as const),
    nth: fc.nat(2),
  }),
  // Cut off for a while, which may be longer than its lease.
  fc.record({
    kind: fc.constant("lapse" as const),
    nth: fc.nat(2),
    ms: fc.constantFrom<number>(6000, 17_000, 21_000),
  }),
  fc.record({ kind: fc.constantFrom("away" as const, "back" as const) }),
  fc.record({ kind: fc.constant("stop" as const), nth: fc.nat(3) }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom<number>(30, 300, 1500, 4000, 11_000, 20_000) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

export const history = fc.record({
  steps: fc.array(
    fc.oneof(step, fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom<number>(300, 1500, 4000) })),
    {
      minLength: 5,
      maxLength: 14,
    },
  ),
  ends: fc.array(fc.nat(ENDS.length - 1), { minLength: 1, maxLength: 30 }),
  /** Slow answers leave much in doubt when a process dies. */
  answerMs: fc.constantFrom<number>(20, 20, 900, 5000),
  /** With a slow store, much happens while it is being asked. */
  storeMs: fc.constantFrom<number>(0, 0, 30, 400),
});

interface Played {
  readonly steps: readonly Step[];
  readonly ends: readonly number[];
  readonly answerMs: number;
  readonly storeMs: number;
}

/** Plays the history, lets everything recover, and judges the end. */
export async function play(
  { steps, ends, answerMs, storeMs }: Played,
  { mutation, open }: Pick<WorldOptions, "mutation" | "open"> = {},
) {
  let isWell = false;
  const reply = (_: readonly string[], nth: number): Reply | undefined => {
    const end = isWell ? undefined : ENDS[ends[nth % ends.length] as number];
    const named = end && "requestId" in end ? { ...end, requestId: `request-${nth}` } : end;
    return { end: named ?? { kind: "accepted", requestId: `request-${nth}` }, delayMs: isWell ? 20 : answerMs };
  };
  const world = await OperationWorld.open({ reply, ...(mutation && { mutation }), ...(open && { open }) });
  world.storeMs = storeMs;
  const processes: WorldProcess[] = [world.start(), world.start()];
  await world.submit(5000, { timeToLiveMs: 30_000 });
  for (const each of steps) await take(each, world, processes);
  isWell = true;
  world.isStoreAway = false;
  world.storeMs = 0;
  for (const process of processes) process.isCutOff = false;
  processes.push(world.start());
  await world.clock.advance(130_000);
  if (world.broken.length > 0) throw new Error(world.broken[0]);
  for (const known of world.known.values()) await judge(world, known.record.id);
}

async function take(each: Step, world: OperationWorld, processes: WorldProcess[]): Promise<void> {
  switch (each.kind) {
    case "submit":
      await world.submit(each.devices, { timeToLiveMs: each.timeToLiveMs });
      void processes.at(-1)?.runner.look(); // never answered if it is dead
      break;
    case "start":
      if (processes.length < 6) processes.push(world.start());
      break;
    case "die":
      processes[each.nth]?.die();
      break;
    case "cut off":
    case "heal": {
      const process = processes[each.nth];
      if (process) process.isCutOff = each.kind === "cut off";
      break;
    }
    case "lapse": {
      const process = processes[each.nth];
      if (process) process.isCutOff = true;
      await world.clock.advance(each.ms);
      if (process) process.isCutOff = false;
      break;
    }
    case "away":
    case "back":
      world.isStoreAway = each.kind === "away";
      break;
    case "stop": {
      const ids = [...world.known.values()].map(({ record }) => record.id);
      await world.store.stop(ids[each.nth % ids.length] as string);
      break;
    }
    case "wait":
      await world.clock.advance(each.ms);
  }
}

/** It has ended, and each device has one outcome that claims no more than is known. */
async function judge(world: OperationWorld, id: string): Promise<void> {
  const record = await world.store.get(id);
  if (record && record.expireMs > world.clock.wallNow() && record.endMs === undefined) {
    // The gateway's own keys were at fault for long; it is not over yet.
    expect(record.state).toBe("running");
    return;
  }
  expect(record?.endMs).toBeDefined();
  const outcomes = await world.outcomes(id);
  expect(outcomes.size).toBe(record?.devices);
  const counts = new Map<string, number>();
  for (const kind of outcomes.values()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  expect(record?.counts.reduce((sum, each) => sum + each, 0)).toBe(record?.devices);
  const jobId = JSON.parse(record?.spec ?? "{}").scope.jobId as string;
  const calls = world.calls.filter((call) => call.jobId === jobId);
  const accepted = new Set(calls.flatMap(({ end, deviceNames }) => (end?.kind === "accepted" ? deviceNames : [])));
  const maybe = new Set(calls.flatMap(({ end, deviceNames }) => (end?.kind === "lost" ? deviceNames : [])));
  const refusals = new Set(calls.flatMap(({ end, deviceNames }) => (end?.kind === "refused" ? deviceNames : [])));
  for (const [name, kind] of outcomes) {
    if (kind === "accepted" && !accepted.has(name)) throw new Error(`${name} is accepted, but no call was`);
    if (kind === "rejected" && !refusals.has(name)) throw new Error(`${name} is rejected, but no call was refused`);
    if (kind === "not-attempted" && (accepted.has(name) || maybe.has(name))) {
      throw new Error(`${name} is not attempted, but was sent`);
    }
  }
}

const wait = (ms: number) => ({ kind: "wait" as const, ms });
const long = (timeToLiveMs: number) => ({ kind: "submit" as const, devices: 40_000, timeToLiveMs });

/** Rules that a process may leave out, each with a history that shows it and the finding. */
export const MUTATED: readonly (readonly [Mutation, readonly Step[], RegExp])[] = [
  ["does not mark as fed", [wait(4000)], /without having been marked as fed/],
  ["does not expire", [long(8000), wait(20_000)], /had expired/],
  ["ignores the lease", [long(HOUR_MS), wait(1500), { kind: "cut off", nth: 1 }, wait(20_000)], /lost the lease/],
  [
    "writes without an epoch",
    [long(HOUR_MS), wait(1500), { kind: "cut off", nth: 1 }, wait(20_000), { kind: "heal", nth: 1 }, wait(9000)],
    /wrote that had lost the lease/,
  ],
];

/** Plays a history in which every process leaves this rule out. */
export function playMutated(mutation: Mutation, steps: readonly Step[], part: Pick<WorldOptions, "open"> = {}) {
  return play({ steps, ends: [0], answerMs: 900, storeMs: 0 }, { mutation, ...part });
}
