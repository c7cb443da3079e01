// Holds the faults that are in force, as they can be set from outside: the state of the network,
// the server's clock, and rules that choose calls and what happens to them.
import type { Random } from "../random.js";
import type { CountedCall, Fault } from "./faults.js";

export interface FaultPlan {
  /** Travel time of a call and its answer; `jitterMs` is how much it varies, either way. */
  readonly latencyMs: number;
  readonly jitterMs: number;
  /**
   * How long a call is worked on, beside its travel. A throttled call is not, if quotas count
   * arrivals.
   */
  readonly processingMs: number;
  /** How far the server's wall clock is ahead; negative if it is behind. */
  readonly clockSkewMs: number;
  /** Connections are refused for this long from now. */
  readonly refuseConnectionsMs: number;
  /** The first rule that matches a call applies. */
  readonly rules: readonly FaultRule[];
}

export interface FaultRule {
  /** Only calls of this operation. */
  readonly action?: string | undefined;
  /** Only calls that name this device. */
  readonly deviceName?: string | undefined;
  /** Skips this many calls that would match. */
  readonly skip?: number | undefined;
  /** Matches at most this many calls. */
  readonly times?: number | undefined;
  /** Matches this fraction of the calls, 0 to 1. */
  readonly rate?: number | undefined;
  readonly fault: Fault;
}

export const NO_FAULTS: FaultPlan = {
  latencyMs: 0,
  jitterMs: 0,
  processingMs: 0,
  clockSkewMs: 0,
  refuseConnectionsMs: 0,
  rules: [],
};

export class PlannedFaults {
  readonly #random: Random;
  #plan: FaultPlan;
  #counts: { seen: number; struck: number }[] = [];

  constructor(plan: FaultPlan, random: Random) {
    this.#random = random;
    this.#plan = plan;
    this.set(plan);
  }

  get plan(): FaultPlan {
    return this.#plan;
  }

  /** Replaces everything in force. The counts of the rules start again. */
  set(plan: FaultPlan): void {
    this.#plan = plan;
    this.#counts = plan.rules.map(() => ({ seen: 0, struck: 0 }));
  }

  /** The plan, with how often each rule was applied. */
  show(): object {
    const rules = this.#plan.rules.map((rule, index) => ({ ...rule, struck: this.#counts[index]?.struck ?? 0 }));
    return { ...this.#plan, rules };
  }

  choose(call: CountedCall): Fault | undefined {
    for (const [index, rule] of this.#plan.rules.entries()) {
      const counts = this.#counts[index];
      if (!counts || !isAbout(rule, call) || counts.struck >= (rule.times ?? Number.POSITIVE_INFINITY)) continue;
      if (counts.seen++ < (rule.skip ?? 0)) continue;
      if (rule.rate !== undefined && this.#random() >= rule.rate) continue;
      counts.struck++;
      return rule.fault;
    }
    return undefined;
  }
}

function isAbout({ action, deviceName }: FaultRule, call: CountedCall): boolean {
  if (action !== undefined && action !== call.action) return false;
  if (deviceName === undefined) return true;
  return [...call.parameters].some(([name, value]) => /DeviceName/.test(name) && value === deviceName);
}
