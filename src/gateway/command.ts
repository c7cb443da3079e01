// A command is what a caller asks: one request, validated, in the gateway's own terms.

/** The fields that must be equal for devices to share a call. */
export interface Scope {
  readonly iotInstanceId: string;
  readonly productKey: string;
  readonly firmwareId: string;
  /** Empty means: in every batch. Never merged with a call that names one. */
  readonly jobId: string;
}

/** Equal for equal scopes only: no field may contain a line break. */
export function scopeKey({ iotInstanceId, productKey, firmwareId, jobId }: Scope): string {
  return `${iotInstanceId}\n${productKey}\n${firmwareId}\n${jobId}`;
}

/** Waiting classes, most urgent first. */
export const PRIORITIES = ["urgent", "normal", "bulk"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** One call in this many goes to a lower class, however much work the highest has. */
export const LOWER_CLASS_EVERY = 10;

/** One value for each class. */
export function byPriority<T>(make: (priority: Priority) => T): Record<Priority, T> {
  return { urgent: make("urgent"), normal: make("normal"), bulk: make("bulk") };
}

/** The account that requests mean when they name none. */
export const DEFAULT_ACCOUNT = "default";

/** One request to cancel tasks. */
export interface Command {
  /** The name of the configured account. */
  readonly account: string;
  readonly scope: Scope;
  /** Distinct and well-formed, in the order of the request. */
  readonly deviceNames: readonly string[];
  /** The identity that fairness is computed over. */
  readonly caller: string;
  readonly priority: Priority;
  /** Monotonic time by which the answer must be given: the reply margin before the deadline. Infinity for none. */
  readonly answerByMs: number;
  readonly requireAll: boolean;
  /** Its tasks are to be read back after the cancel. */
  readonly verify: boolean;
}
