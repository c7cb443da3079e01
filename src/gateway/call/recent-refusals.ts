// Refusals that concern a whole scope, and not its devices: for a short time, whatever is asked in
// that scope is answered by the last one, where sending it would spend a call on the same answer.
import { type Scope, scopeKey } from "../command.js";
import type { DeviceOutcome } from "../device-outcome.js";
import type { CallEnd } from "../upstream.js";

/** Short, because the missing firmware, product or job may be created at any moment. */
const REMEMBERED_MS = 2000;

export class RecentRefusals {
  /** By scope, the latest last. */
  readonly #byScope = new Map<string, { readonly outcome: DeviceOutcome; readonly untilMs: number }>();

  /**
   * Notes how a call of this scope ended, and the outcome of its devices. Returns whether the end
   * concerns the whole scope.
   */
  note(scope: Scope, end: CallEnd, outcome: DeviceOutcome, nowMs: number): boolean {
    const isWide = end.kind === "refused" && end.refusal.requestWide === true;
    const key = scopeKey(scope);
    this.#byScope.delete(key);
    for (const [oldest, { untilMs }] of this.#byScope) {
      if (untilMs > nowMs) break;
      this.#byScope.delete(oldest);
    }
    if (isWide) this.#byScope.set(key, { outcome, untilMs: nowMs + REMEMBERED_MS });
    return isWide;
  }

  /** The outcome to answer with in this scope; undefined if a call is needed to find out. */
  of(scope: Scope, nowMs: number): DeviceOutcome | undefined {
    const known = this.#byScope.size > 0 ? this.#byScope.get(scopeKey(scope)) : undefined;
    return known && known.untilMs > nowMs ? known.outcome : undefined;
  }
}
