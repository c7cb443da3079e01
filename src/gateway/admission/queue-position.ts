// Estimates how many calls precede a device that arrives now. It uses counts only, so its cost does
// not depend on the length of the queue.
import { type Command, LOWER_CLASS_EVERY, PRIORITIES, type Priority } from "../command.js";
import type { Queue } from "../queue/queue.js";

/** The caller that asks. Without a scope, the answer is for a scope where nothing waits. */
export type Applicant = Pick<Command, "caller" | "priority"> & Partial<Pick<Command, "scope">>;

/**
 * How many calls precede the one that carries the last of this many devices. A device waits for the
 * calls of its own scope queue, whose seats it shares with the devices there; between those, for
 * one turn of every other caller of its class per turn of its own; and before them, for the higher
 * classes. Every tenth call belongs to a lower class.
 */
export function callsBefore(
  { caller, priority, scope }: Applicant,
  devices: number,
  queue: Queue,
  seats: number,
): number {
  const { backlog } = queue;
  const scopeQueue = scope && queue.scopeQueueOf(scope);
  const waitingIn = (each: Priority) => scopeQueue?.waitingIn(each) ?? { callers: 0, devices: 0 };
  const own = backlog.devicesOf(caller, priority);
  // The scope queues of the caller's waiting devices are unknown. If nobody else waits there, its
  // own turns are in order.
  const isThere = own > 0 && waitingIn(priority).devices > 0;
  const ownThere = isThere ? Math.min(own, waitingIn(priority).devices) : 0;
  const peers = waitingIn(priority).callers - (isThere ? 1 : 0);

  const higher = PRIORITIES.slice(0, PRIORITIES.indexOf(priority));
  const higherThere = higher.reduce((sum, each) => sum + waitingIn(each).devices, 0);
  const mine = ownThere + devices;
  const wanted = higherThere + Math.min(waitingIn(priority).devices - ownThere, peers * mine) + mine;
  const scopeCalls = Math.ceil(Math.min(wanted, (scopeQueue?.size ?? 0) + devices) / seats);

  const ownTurns = scopeQueue || own === 0 ? 0 : Math.ceil(own / seats);
  const positionBy = (turnClass: Priority) => {
    const members = turnClass === priority ? peers + 1 : waitingIn(turnClass).callers;
    const turns = scopeCalls / members + ownTurns;
    const others = backlog.callers(turnClass) - waitingIn(turnClass).callers;
    const outside = backlog.callers(turnClass) > 0 ? others / backlog.callers(turnClass) : 0;
    const inClass = scopeCalls + sharing(queue) * outside * callsOf(queue, turnClass, turns);
    const above = PRIORITIES.slice(0, PRIORITIES.indexOf(turnClass));
    const first = above.reduce((sum, each) => sum + callsOf(queue, each), 0) * sharing(queue);
    return withTenthCalls(queue, turnClass, inClass, Math.max(first - Math.ceil(higherThere / seats), 0));
  };
  // A lower class also gets the seats that higher classes leave empty in their calls, if those come
  // before its own turns.
  const joined = scopeCalls <= Math.ceil(higherThere / seats) && higher.find((each) => waitingIn(each).devices > 0);
  const position = Math.min(positionBy(priority), joined ? positionBy(joined) : Infinity);
  return Math.min(Math.round(position) - 1, queue.backlog.calls + scopeCalls - 1);
}

/**
 * The position of the `inClass`th call of its class, while `first` calls of higher classes wait.
 */
function withTenthCalls(queue: Queue, priority: Priority, inClass: number, first: number): number {
  const waiting = PRIORITIES.filter((each) => each === priority || queue.backlog.callers(each) > 0);
  if (first > 0) return Math.min(first + inClass, inClass * LOWER_CLASS_EVERY * (waiting.length - 1));
  const lower = waiting.slice(waiting.indexOf(priority) + 1);
  const lowerCalls = lower.reduce((sum, each) => sum + callsOf(queue, each), 0) * sharing(queue);
  return inClass + Math.min(lowerCalls, Math.floor(inClass / (LOWER_CLASS_EVERY - 1)));
}

/** The calls of a class if none were shared, counting at most `most` for each caller. */
function callsOf(queue: Queue, priority: Priority, most = Infinity): number {
  let sum = 0;
  for (const [calls, callers] of queue.backlog.callersByCalls(priority)) sum += callers * Math.min(calls, most);
  return sum;
}

/** The fraction of those calls that is actually needed, because requests share calls. */
function sharing(queue: Queue): number {
  const apart = PRIORITIES.reduce((sum, priority) => sum + callsOf(queue, priority), 0);
  return apart > 0 ? Math.min(queue.backlog.calls / apart, 1) : 1;
}
