// An upstream under the hand clock whose calls end on command.
import type { CallEnd, CancelCall, Upstream } from "../../src/gateway/upstream.js";
import { ROOM } from "./fake-upstream.js";
import type { Sent } from "./gateway-reference.js";
import type { HandClock } from "./hand-clock.js";

export const SEATS = 4;
export const CALL_TIMEOUT_MS = 2500;

interface Watching {
  sent(call: Sent): void;
  ended(call: Sent): void;
}

/** Its calls end on command, at the latest by their timeout. All ends are distinguishable. */
export class ManualUpstream implements Upstream {
  readonly room = { ...ROOM, devices: SEATS };
  readonly timeoutMs = CALL_TIMEOUT_MS;
  readonly calls: Sent[] = [];
  /** Errors found in calls as they were sent. */
  readonly wrong: unknown[] = [];
  /** Accepts what is sent from now on, and what is under way. */
  isWell = false;
  readonly #open: ((end: CallEnd) => void)[] = [];
  readonly #clock: HandClock;
  readonly #next: () => number;
  readonly #watching: Watching;

  constructor(clock: HandClock, next: () => number, watching: Watching) {
    this.#clock = clock;
    this.#next = next;
    this.#watching = watching;
  }

  cancelTasks({ scope, deviceNames }: CancelCall): Promise<CallEnd> {
    const sent = { sentMs: this.#clock.now(), sentWallMs: this.#clock.wallNow() };
    const call: Sent = { nth: this.#next(), scope, deviceNames: [...deviceNames], ...sent };
    this.calls.push(call);
    try {
      this.#watching.sent(call);
    } catch (error) {
      this.wrong.push(error); // thrown here, the gateway would take it for an answer
    }
    return new Promise((resolve) => {
      const finish = (how: CallEnd) => {
        disarm();
        this.#open.splice(this.#open.indexOf(finish), 1);
        const name = `end-${call.nth}`;
        const end = "requestId" in how ? { ...how, requestId: name } : { ...how, message: name };
        call.ended = { nth: this.#next(), ms: this.#clock.now(), end };
        this.#watching.ended(call);
        resolve(end);
      };
      const disarm = this.#clock.at(call.sentMs + (this.isWell ? 20 : CALL_TIMEOUT_MS), () =>
        finish(this.isWell ? { kind: "accepted", requestId: "" } : { kind: "lost", message: "" }),
      );
      this.#open.push(finish);
    });
  }

  /** Ends one of the calls under way, if there is any. */
  end(nth: number, how: CallEnd): void {
    this.#open[nth % (this.#open.length || 1)]?.(how);
  }
}
