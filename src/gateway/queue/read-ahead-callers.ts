// Callers whose devices of a scope are read before they are sent, each until a time, and how many
// of its devices were found to exist since the last that was not.
import { type Scope, scopeKey } from "../command.js";

export class ReadAheadCallers {
  /** The one that was set last is last. */
  readonly #byKey = new Map<string, { readonly untilMs: number; found: number }>();

  has(scope: Scope, caller: string, nowMs: number): boolean {
    return this.#byKey.size > 0 && (this.#byKey.get(keyOf(scope, caller))?.untilMs ?? nowMs) > nowMs;
  }

  /** One of its devices does not exist: its devices are read until then. */
  set(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    const key = keyOf(scope, caller);
    this.#byKey.delete(key); // keeps the map ordered by time
    this.#byKey.set(key, { untilMs, found: 0 });
    for (const [oldest, each] of this.#byKey) {
      if (each.untilMs > nowMs) break;
      this.#byKey.delete(oldest);
    }
  }

  /** The number of devices in a row that were found to exist. */
  foundBy(scope: Scope, caller: string): number {
    return this.#byKey.get(keyOf(scope, caller))?.found ?? 0;
  }

  /** Notes that this many more of them were found; 0 starts the count again. */
  noteFound(scope: Scope, caller: string, devices: number): void {
    const known = this.#byKey.get(keyOf(scope, caller));
    if (known) known.found = devices === 0 ? 0 : known.found + devices;
  }

  clear(): void {
    this.#byKey.clear();
  }
}

function keyOf(scope: Scope, caller: string): string {
  return `${scopeKey(scope)}\n@${caller}`;
}
