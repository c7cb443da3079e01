// How many calls go before a device that comes now, as far as what waits already can tell. An estimate from
// counts alone, so that it costs the same however much waits: first the scope queue's own calls, of which those who
// wait in it share the seats; between them the turns of the others in the class, one for each own turn; before
// them the higher classes; and every tenth call the lower ones.
import { type Command, PRIORITIES, type Priority } from "../command.js";
import type { Queue } from "../queue/queue.js";

/** Who asks. Without a scope: for one that nobody else waits in. */
export type Applicant = Pick<Command, "caller" | "priority"> & Partial<Pick<Command, "scope">>;

/** Every so many calls go to a lower class. */
const LOWERS_TURN = 10;

/** The calls before the one that takes the last of so many devices into a call. */
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
  // Where they wait is not known. If nobody else is there to share a call with, one's own turns are taken in order.
  const isThere = own > 0 && waitingIn(priority).devices > 0;
  const ownThere = isThere ? Math.min(own, waitingIn(priority).devices) : 0;
  const peers = waitingIn(priority).callers - (isThere ? 1 : 0);

  const higher = PRIORITIES.slice(0, PRIORITIES.indexOf(priority));
  const higherThere = higher.reduce((sum, each) => sum + waitingIn(each).devices, 0);
  const mine = ownThere + devices;
  const wanted = higherThere + Math.min(waitingIn(priority).devices - ownThere, peers * mine) + mine;
  const scopeCalls = Math.ceil(Math.min(wanted, (scopeQueue?.size ?? 0) + devices) / seats);

  // Seats that higher classes leave empty are to be had in their turns.
  const joinsHigher = scopeCalls <= Math.ceil(higherThere / seats);
  const turnClass = (joinsHigher && higher.find((each) => waitingIn(each).devices > 0)) || priority;
  const members = turnClass === priority ? peers + 1 : waitingIn(turnClass).callers;
  const ownTurns = scopeQueue || own === 0 ? 0 : Math.ceil(own / seats);
  const turns = scopeCalls / members + ownTurns;
  const others = backlog.callers(turnClass) - waitingIn(turnClass).callers;
  const outside = backlog.callers(turnClass) > 0 ? others / backlog.callers(turnClass) : 0;
  const inClass = scopeCalls + sharing(queue) * outside * callsOf(queue, turnClass, turns);

  const above = PRIORITIES.slice(0, PRIORITIES.indexOf(turnClass));
  const first = above.reduce((sum, each) => sum + callsOf(queue, each), 0) * sharing(queue);
  const position = withTenthCalls(queue, turnClass, inClass, Math.max(first - Math.ceil(higherThere / seats), 0));
  return Math.min(Math.round(position) - 1, queue.calls + scopeCalls - 1);
}

/** Which call it is, if it is the `inClass`th of its class and so many of higher classes wait. */
function withTenthCalls(queue: Queue, priority: Priority, inClass: number, first: number): number {
  const waiting = PRIORITIES.filter((each) => each === priority || queue.backlog.callers(each) > 0);
  if (first > 0) return Math.min(first + inClass, inClass * LOWERS_TURN * (waiting.length - 1));
  const lower = waiting.slice(waiting.indexOf(priority) + 1);
  const lowerCalls = lower.reduce((sum, each) => sum + callsOf(queue, each), 0) * sharing(queue);
  return inClass + Math.min(lowerCalls, Math.floor(inClass / (LOWERS_TURN - 1)));
}

/** Calls of a class, as if none were shared; of each caller no more than so many. */
function callsOf(queue: Queue, priority: Priority, most = Infinity): number {
  let sum = 0;
  for (const [calls, callers] of queue.backlog.callersByCalls(priority)) sum += callers * Math.min(calls, most);
  return sum;
}

/** What part of those calls it takes, since many share calls. */
function sharing(queue: Queue): number {
  const apart = PRIORITIES.reduce((sum, priority) => sum + callsOf(queue, priority), 0);
  return apart > 0 ? Math.min(queue.calls / apart, 1) : 1;
}
