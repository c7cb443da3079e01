// The seam to the store of a shared ledger: one script for each account, and a channel that
// announces whose turn it is.
import type { Heartbeats } from "./heartbeats.js";

/** The store of one account's ledger. */
export interface Store {
  /**
   * Runs the ledger's script. Rejects if no answer came within COMMAND_TIMEOUT_MS, or if none can
   * come. The script may have run nevertheless, or may still run.
   */
  run(args: readonly string[]): Promise<unknown>;
  /** Publishes a message to all replicas. It may be lost. */
  wake(message: string): void;
  /** Calls `wake` with each message that a replica publishes. */
  onWake(wake: (message: string) => void): void;
  /** Shared by all ledgers of this process in the same store; absent for a ledger by itself. */
  readonly heartbeats?: Heartbeats;
}

/** A command without an answer for this long has failed. */
export const COMMAND_TIMEOUT_MS = 1000;
