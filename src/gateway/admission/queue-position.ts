// How many calls go before a device that comes now, as far as what waits already can tell. An estimate from
// counts alone, so that it costs the same however much waits: first the lane's own calls, of which those who
// wait in it share the seats; between them the turns of the others in the class, one for each own turn; before
// them the higher classes; and every tenth call the lower ones.
import { type Command, PRIORITIES, type Priority } from "../command.js";
import type { Queue } from "../queue/queue.js";

/** Who asks. Without a scope: for one that nobody else waits in. */
export type Asker = Pick<Command, "caller" | "priority"> & Partial<Pick<Command, "scope">>;

/** Every so many calls go to a lower class. */
const LOWERS_TURN = 10;

/** The calls before the one that takes the last of so many devices on board. */
export function callsBefore({ caller, priority, scope }: Asker, devices: number, queue: Queue, seats: number): number {
  const { tally } = queue;
  const lane = scope && queue.laneOf(scope);
  const crowd = (each: Priority) => lane?.crowd(each) ?? { callers: 0, devices: 0 };
  const own = tally.devicesOf(caller, priority);
  // Where they wait is not known. If nobody else is there to ride with, one's own turns are taken in order.
  const isThere = own > 0 && crowd(priority).devices > 0;
  const ownThere = isThere ? Math.min(own, crowd(priority).devices) : 0;
  const peers = crowd(priority).callers - (isThere ? 1 : 0);

  const higher = PRIORITIES.slice(0, PRIORITIES.indexOf(priority));
  const higherThere = higher.reduce((sum, each) => sum + crowd(each).devices, 0);
  const mine = ownThere + devices;
  const wanted = higherThere + Math.min(crowd(priority).devices - ownThere, peers * mine) + mine;
  const laneCalls = Math.ceil(Math.min(wanted, (lane?.size ?? 0) + devices) / seats);

  // Seats that higher classes leave empty are to be had in their turns.
  const rides = laneCalls <= Math.ceil(higherThere / seats);
  const driver = (rides && higher.find((each) => crowd(each).devices > 0)) || priority;
  const members = driver === priority ? peers + 1 : crowd(driver).callers;
  const ownTurns = lane || own === 0 ? 0 : Math.ceil(own / seats);
  const turns = laneCalls / members + ownTurns;
  const others = tally.callers(driver) - crowd(driver).callers;
  const outside = tally.callers(driver) > 0 ? others / tally.callers(driver) : 0;
  const inClass = laneCalls + sharing(queue) * outside * callsOf(queue, driver, turns);

  const above = PRIORITIES.slice(0, PRIORITIES.indexOf(driver));
  const first = above.reduce((sum, each) => sum + callsOf(queue, each), 0) * sharing(queue);
  const position = withTenthCalls(queue, driver, inClass, Math.max(first - Math.ceil(higherThere / seats), 0));
  return Math.min(Math.round(position) - 1, queue.calls + laneCalls - 1);
}

/** Which call it is, if it is the `inClass`th of its class and so many of higher classes wait. */
function withTenthCalls(queue: Queue, priority: Priority, inClass: number, first: number): number {
  const waiting = PRIORITIES.filter((each) => each === priority || queue.tally.callers(each) > 0);
  if (first > 0) return Math.min(first + inClass, inClass * LOWERS_TURN * (waiting.length - 1));
  const lower = waiting.slice(waiting.indexOf(priority) + 1);
  const lowerCalls = lower.reduce((sum, each) => sum + callsOf(queue, each), 0) * sharing(queue);
  return inClass + Math.min(lowerCalls, Math.floor(inClass / (LOWERS_TURN - 1)));
}

/** Calls of a class, as if none were shared; of each caller no more than so many. */
function callsOf(queue: Queue, priority: Priority, most = Infinity): number {
  let sum = 0;
  for (const [calls, callers] of queue.tally.callersByCalls(priority)) sum += callers * Math.min(calls, most);
  return sum;
}

/** What part of those calls it takes, since many ride together. */
function sharing(queue: Queue): number {
  const apart = PRIORITIES.reduce((sum, priority) => sum + callsOf(queue, priority), 0);
  return apart > 0 ? Math.min(queue.calls / apart, 1) : 1;
}
