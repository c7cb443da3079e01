// The command: one validated request of a caller, in the gateway's own terms.

/** The fields that must be equal for devices to share a call. */
export interface Scope {
  readonly iotInstanceId: string;
  readonly productKey: string;
  readonly firmwareId: string;
  /** Empty means every batch. Such a call is never merged with one that names a batch. */
  readonly jobId: string;
}

/** Returns equal keys for equal scopes only, because no field may contain a line break. */
export function scopeKey({ iotInstanceId, productKey, firmwareId, jobId }: Scope): string {
  return `${iotInstanceId}\n${productKey}\n${firmwareId}\n${jobId}`;
}

/** Priority classes of waiting requests, most urgent first. */
export const PRIORITIES = ["urgent", "normal", "bulk"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** One call in this many goes to a lower class, regardless of the work in the highest class. */
export const LOWER_CLASS_EVERY = 10;

/** Makes one value for each class. */
export function byPriority<T>(make: (priority: Priority) => T): Record<Priority, T> {
  return { urgent: make("urgent"), normal: make("normal"), bulk: make("bulk") };
}

/** The account of requests that name none. */
export const DEFAULT_ACCOUNT = "default";

/** One request to cancel tasks. */
export interface Command {
  /** The name of the configured account. */
  readonly account: string;
  readonly scope: Scope;
  /** Distinct, valid names in the order of the request. */
  readonly deviceNames: readonly string[];
  /** The identity that fairness is computed over. */
  readonly caller: string;
  readonly priority: Priority;
  /**
   * Monotonic time by which to answer: the deadline minus the reply margin. Infinity for no
   * deadline.
   */
  readonly answerByMs: number;
  readonly requireAll: boolean;
  /** Whether to read the tasks back after the cancel. */
  readonly verify: boolean;
}
