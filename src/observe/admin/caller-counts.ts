// Counts the devices sent for each caller in the last minute, in bounded memory: each period of
// five seconds counts its first hundred callers separately and the others together.

const PERIOD_MS = 5000;
const PERIODS = 12;
const CALLERS_PER_PERIOD = 100;

/** Devices by caller, and the total of callers that were not counted separately. */
export interface SentLastMinute {
  readonly byCaller: ReadonlyMap<string, number>;
  readonly others: number;
}

interface Period {
  readonly number: number;
  readonly byCaller: Map<string, number>;
  others: number;
}

export class CallerCounts {
  #periods: Period[] = [];

  add(caller: string, devices: number, nowMs: number): void {
    const period = this.#periodAt(nowMs);
    const before = period.byCaller.get(caller);
    if (before === undefined && period.byCaller.size >= CALLERS_PER_PERIOD) period.others += devices;
    else period.byCaller.set(caller, (before ?? 0) + devices);
  }

  lastMinute(nowMs: number): SentLastMinute {
    this.#forget(nowMs);
    const byCaller = new Map<string, number>();
    let others = 0;
    for (const period of this.#periods) {
      others += period.others;
      for (const [caller, devices] of period.byCaller) byCaller.set(caller, (byCaller.get(caller) ?? 0) + devices);
    }
    return { byCaller, others };
  }

  #periodAt(nowMs: number): Period {
    const number = Math.floor(nowMs / PERIOD_MS);
    const last = this.#periods.at(-1);
    if (last && last.number >= number) return last;
    const period = { number, byCaller: new Map<string, number>(), others: 0 };
    this.#periods.push(period);
    this.#forget(nowMs);
    return period;
  }

  #forget(nowMs: number): void {
    const oldest = Math.floor(nowMs / PERIOD_MS) - PERIODS + 1;
    this.#periods = this.#periods.filter(({ number }) => number >= oldest);
  }
}
