// The seam to the store of a shared ledger: one script, run by name of the account, and a channel that
// tells whose turn it is.

/** One account's part of the store. */
export interface Store {
  /**
   * Runs the ledger's script. Rejects when no answer came within COMMAND_TIMEOUT_MS, or none can come; it may
   * have been run all the same, then or later.
   */
  run(args: readonly string[]): Promise<unknown>;
  /** Calls `wake` with what the script publishes. Some of it may be lost. */
  onWake(wake: (message: string) => void): void;
}

/** A command that takes longer has failed. */
export const COMMAND_TIMEOUT_MS = 1000;
