// How much waits: of each caller, and in calls.

export class Tally {
  readonly #devicesPerCall: number;
  readonly #devicesByCaller = new Map<string, number>();
  readonly #callersByCalls = new Map<number, number>();
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

  /** How many callers wait for 1, 2, 3… calls' worth of devices: few entries, however many callers. */
  get callersByCalls(): ReadonlyMap<number, number> {
    return this.#callersByCalls;
  }

  /** So many devices more, or less. */
  count(caller: string, change: number): void {
    this.#devices += change;
    const before = this.#devicesByCaller.get(caller) ?? 0;
    const devices = before + change;
    if (devices > 0) this.#devicesByCaller.set(caller, devices);
    else this.#devicesByCaller.delete(caller);
    const [callsBefore, calls] = [before, devices].map((each) => Math.ceil(each / this.#devicesPerCall)) as [
      number,
      number,
    ];
    if (calls === callsBefore) return;
    this.#countCaller(callsBefore, -1);
    this.#countCaller(calls, 1);
  }

  #countCaller(calls: number, change: number): void {
    if (calls === 0) return;
    const callers = (this.#callersByCalls.get(calls) ?? 0) + change;
    if (callers > 0) this.#callersByCalls.set(calls, callers);
    else this.#callersByCalls.delete(calls);
  }
}
