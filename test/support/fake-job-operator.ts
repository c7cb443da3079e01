// An upstream for calls on whole batches, in this process: gives the answers of the test, after a
// time.

import type { Refusal } from "../../src/gateway/upstream.js";
import type { JobCall, JobCallEnd, JobOperator } from "../../src/rollout/job-operator.js";
import type { HandClock } from "./hand-clock.js";

export class FakeJobOperator implements JobOperator {
  /** Every call, with the time when it was sent. */
  readonly calls: { readonly call: JobCall; readonly sentMs: number; readonly iotInstanceId: string }[] = [];
  answerMs = 20;
  reply: (call: JobCall, nth: number) => JobCallEnd = () => accepted();
  readonly #clock: HandClock;

  constructor(clock: HandClock) {
    this.#clock = clock;
  }

  send(call: JobCall, iotInstanceId: string): Promise<JobCallEnd> {
    this.calls.push({ call, sentMs: this.#clock.now(), iotInstanceId });
    const end = this.reply(call, this.calls.length - 1);
    return new Promise((resolve) => this.#clock.at(this.#clock.now() + this.answerMs, () => resolve(end)));
  }
}

export function accepted(answer: Extract<JobCallEnd, { kind: "accepted" }>["answer"] = { kind: "done" }): JobCallEnd {
  return { kind: "accepted", requestId: "R-1", answer };
}

export function refused(code: string, reaction: Refusal["reaction"]): JobCallEnd {
  return { kind: "refused", requestId: "R-2", refusal: { code, message: "no", reaction } };
}
