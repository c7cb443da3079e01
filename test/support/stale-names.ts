// A dispatcher whose upstream knows no device of `missing` and refuses a whole call for one of
// them, with both reading operations beside it, all under the hand clock.
import type { Command } from "../../src/gateway/command.js";
import { Dispatcher } from "../../src/gateway/dispatcher.js";
import type { Waiter } from "../../src/gateway/waiter.js";
import { EQUAL } from "./fake-callers.js";
import { aCommand, aWaiter } from "./fake-command.js";
import { FakeDeviceReader } from "./fake-device-reader.js";
import { FakeLimiter } from "./fake-limiter.js";
import { FakeLog } from "./fake-log.js";
import { accepted, DEVICE_FAULT, FakeUpstream } from "./fake-upstream.js";
import { HandClock } from "./hand-clock.js";

export function startWithStaleNames(missing: ReadonlySet<string>, { statesOmit = true } = {}) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock });
  const isStale = (name: string) => missing.has(name);
  const upstream = new FakeUpstream({
    clock,
    reply: ({ deviceNames }) => ({ end: deviceNames.some(isStale) ? DEVICE_FAULT : accepted(), delayMs: 40 }),
  });
  const details = new FakeDeviceReader(clock, 100, missing);
  const states = new FakeDeviceReader(clock, 50, missing);
  if (!statesOmit) states.reply = (names) => (names.some(isStale) ? (DEVICE_FAULT as never) : undefined);
  const log = new FakeLog();
  const limiters = {
    details: new FakeLimiter({ clock, callsPerSecond: 5 }),
    states: new FakeLimiter({ clock, callsPerSecond: 50 }),
  };
  const dispatcher = new Dispatcher({
    account: "default",
    clock,
    limiter,
    upstream,
    log,
    callers: EQUAL,
    random: () => 0.5,
    deviceReadings: {
      details: { operation: "BatchQueryDeviceDetail", reader: details, limiter: limiters.details },
      states: { operation: "BatchGetDeviceState", reader: states, limiter: limiters.states },
    },
  });
  dispatcher.start();
  const ask = (command: Partial<Command> = {}): Waiter => {
    const waiter = aWaiter({ answerByMs: clock.now() + 600_000, ...command }, clock.now());
    dispatcher.add(waiter);
    return waiter;
  };
  const check = (command: Partial<Command> = {}) => {
    const { existence } = dispatcher;
    if (!existence) throw new Error("it reads nothing");
    return existence.deviceCheck.check(aCommand({ answerByMs: clock.now() + 600_000, ...command }));
  };
  return { clock, limiter, limiters, upstream, details, states, log, dispatcher, ask, check };
}

/**
 * How many devices of these waiters ended in each way, and the ms when the last one was answered.
 */
export async function outcomesOf(clock: HandClock, waiters: readonly Waiter[], withinMs: number) {
  let overMs = Infinity;
  void Promise.all(waiters.map(({ answer }) => answer)).then(() => {
    overMs = clock.now();
  });
  await clock.advance(withinMs);
  const counts: Record<string, number> = {};
  for (const waiter of waiters) {
    if (waiter.open) counts["open"] = (counts["open"] ?? 0) + 1;
    else for (const { kind } of (await waiter.answer).outcomes) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return { counts, overMs };
}
