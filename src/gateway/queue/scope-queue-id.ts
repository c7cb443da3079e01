// Identifies a scope queue to the entries, batches and schedulers that need no more of it.
import type { Scope } from "../command.js";
import type { Bisection } from "./bisection.js";

/** Identifies the devices that wait together. */
export interface ScopeQueueId {
  readonly key: string;
  readonly scope: Scope;
  /** Set for the devices of a refused batch. No other devices may join them. */
  readonly bisection?: Bisection;
  /** Set if the devices wait to be read, and not to be sent. */
  readonly isUnread?: true;
}
