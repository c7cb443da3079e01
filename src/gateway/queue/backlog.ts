// How much waits, by class and by caller: the counts that admission, forecasts and displays go by. Every device that
// begins or ceases to wait passes `change`, and nothing else changes a count here.
import { byPriority, PRIORITIES, type Priority } from "../command.js";
import type { QueueEntry } from "./queue-entry.js";

export class Backlog {
  readonly #devicesPerCall: number;
  readonly #devicesByCaller = new Map<string, number>();
  readonly #classes = byPriority(newClass);
  #devices = 0;
  #calls = 0;

  constructor(devicesPerCall: number) {
    this.#devicesPerCall = devicesPerCall;
  }

  /** The number of calls it takes to send everything that waits. */
  get calls(): number {
    return this.#calls;
  }

  /** Devices that wait, here and below counted once for each waiter. */
  get devices(): number {
    return this.#devices;
  }

  get devicesByCaller(): ReadonlyMap<string, number> {
    return this.#devicesByCaller;
  }

  devicesOf(caller: string, priority: Priority): number {
    return this.#classes[priority].devicesByCaller.get(caller) ?? 0;
  }

  devicesIn(priority: Priority): number {
    return this.#classes[priority].devices;
  }

  /** The highest class that waits; the lowest if none does. */
  get highest(): Priority {
    return PRIORITIES.find((priority) => this.callers(priority) > 0) ?? "bulk";
  }

  callers(priority: Priority): number {
    return this.#classes[priority].devicesByCaller.size;
  }

  /** How many callers of a class wait for 1, 2, 3… calls' worth of devices: few entries, however many callers. */
  callersByCalls(priority: Priority): ReadonlyMap<number, number> {
    return this.#classes[priority].callersByCalls;
  }

  /** So many more of the entry's devices wait, less if negative, and so many `distinct` ones in its scope queue by now. */
  change({ waiter, scopeQueue: { size } }: Counted, devices: number, distinct: number): void {
    const { caller, priority } = waiter.command;
    const counts = this.#classes[priority];
    const before = counts.devicesByCaller.get(caller) ?? 0;
    this.#devices += devices;
    counts.devices += devices;
    add(this.#devicesByCaller, caller, devices);
    add(counts.devicesByCaller, caller, devices);
    this.#calls += this.#callsFor(size) - this.#callsFor(size - distinct);
    const [callsBefore, calls] = [this.#callsFor(before), this.#callsFor(before + devices)];
    if (calls === callsBefore) return;
    if (callsBefore > 0) add(counts.callersByCalls, callsBefore, -1);
    if (calls > 0) add(counts.callersByCalls, calls, 1);
  }

  #callsFor(devices: number): number {
    return Math.ceil(devices / this.#devicesPerCall);
  }
}

type Counted = Pick<QueueEntry, "waiter"> & { readonly scopeQueue: Pick<QueueEntry["scopeQueue"], "size"> };

function newClass() {
  return { devices: 0, devicesByCaller: new Map<string, number>(), callersByCalls: new Map<number, number>() };
}

function add<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
