// The seam to reading tasks back after a cancel, with separate calls that never delay a waiting
// cancel. Reading back only adds knowledge; an accepted call stays accepted.
import type { Answer, Waiter } from "./waiter.js";

/** A request whose cancel has been carried out. */
export type CarriedOut = Pick<Waiter, "command" | "span">;

export interface Verifier {
  /**
   * Returns the answer completed with the state of the tasks when they were read. Never rejects. At
   * the command's time to answer it resolves with what is known by then.
   */
  verify(request: CarriedOut, answer: Answer): Promise<Answer>;
  /**
   * To be called when the caller has left: `verify` resolves now, or does nothing if called later.
   */
  leave(request: CarriedOut): void;
  /** To be called when all requests are answered: waits for the calls in flight. */
  close(): Promise<void>;
}
