// How much waits: of each caller, and of each class in calls.
import { PRIORITIES, type Priority } from "../command.js";

export class Backlog {
  readonly #devicesPerCall: number;
  readonly #devicesByCaller = new Map<string, number>();
  readonly #classes: Record<Priority, ClassBacklog> = { urgent: newClass(), normal: newClass(), bulk: newClass() };
  #devices = 0;

  constructor(devicesPerCall: number) {
    this.#devicesPerCall = devicesPerCall;
  }

  /** Devices that wait, counted once for each waiter. */
  get devices(): number {
    return this.#devices;
  }

  /** The same, for each caller that waits. */
  get devicesByCaller(): ReadonlyMap<string, number> {
    return this.#devicesByCaller;
  }

  /** The same, of one caller in one class. */
  devicesOf(caller: string, priority: Priority): number {
    return this.#classes[priority].devicesByCaller.get(caller) ?? 0;
  }

  /** The highest class that waits; the lowest if none does. */
  get highest(): Priority {
    return PRIORITIES.find((priority) => this.callers(priority) > 0) ?? "bulk";
  }

  /** Devices that wait in a class, counted once for each waiter. */
  devicesIn(priority: Priority): number {
    return this.#classes[priority].devices;
  }

  /** Callers that wait in a class. */
  callers(priority: Priority): number {
    return this.#classes[priority].devicesByCaller.size;
  }

  /** How many callers of a class wait for 1, 2, 3… calls' worth of devices: few entries, however many callers. */
  callersByCalls(priority: Priority): ReadonlyMap<number, number> {
    return this.#classes[priority].callersByCalls;
  }

  /** So many devices more, or less. */
  count(caller: string, priority: Priority, change: number): void {
    this.#devices += change;
    add(this.#devicesByCaller, caller, change);
    const { devicesByCaller, callersByCalls } = this.#classes[priority];
    this.#classes[priority].devices += change;
    const before = devicesByCaller.get(caller) ?? 0;
    add(devicesByCaller, caller, change);
    const callsBefore = Math.ceil(before / this.#devicesPerCall);
    const calls = Math.ceil((before + change) / this.#devicesPerCall);
    if (calls === callsBefore) return;
    if (callsBefore > 0) add(callersByCalls, callsBefore, -1);
    if (calls > 0) add(callersByCalls, calls, 1);
  }
}

interface ClassBacklog {
  devices: number;
  readonly devicesByCaller: Map<string, number>;
  readonly callersByCalls: Map<number, number>;
}

function newClass(): ClassBacklog {
  return { devices: 0, devicesByCaller: new Map(), callersByCalls: new Map() };
}

function add<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
