// The seam to whoever reads tasks back after a cancel, on calls of its own: nothing that waits to be cancelled ever
// waits for it. It may only learn more about a device, and never takes back that a call was accepted.
import type { Answer, Waiter } from "./waiter.js";

/** A request that has been carried out. */
export type CarriedOut = Pick<Waiter, "command" | "span">;

export interface Verifier {
  /**
   * The answer with what the tasks of its devices were when they were read. Never rejects; resolves with what is known
   * when the command's time to answer comes.
   */
  verify(request: CarriedOut, answer: Answer): Promise<Answer>;
  /** Nobody waits for it any longer: it resolves now, or is not begun. */
  leave(request: CarriedOut): void;
  /** After everybody has been answered: waits for the calls under way. */
  close(): Promise<void>;
}
