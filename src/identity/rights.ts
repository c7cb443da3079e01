// Decides what a caller may touch. An absent list allows everything; a list that is present allows
// only its entries. Pure.

/** The rights of one caller, from the callers file. */
export interface Rights {
  /** The caller's share when there is not enough for all. */
  readonly weight: number;
  readonly accounts?: ReadonlySet<string>;
  readonly products?: Products;
  readonly priorities?: ReadonlySet<string> | undefined;
  readonly maxQueuedDevices?: number;
  readonly verify: boolean;
  /** Whether it may stop rollouts, which reaches devices that nobody named. Absent: no. */
  readonly stopRollouts?: boolean;
  /** Absent: `own`. */
  readonly operations?: OperationRights;
}

/**
 * The operations that a caller may see: its own; those of all callers, which it may also stop
 * (`manage`); and their results too, which name devices (`all`).
 */
export const OPERATION_RIGHTS = ["own", "manage", "all"] as const;
export type OperationRights = (typeof OPERATION_RIGHTS)[number];

/** Allowed product keys: exact ones, and prefixes. */
export interface Products {
  readonly exact: ReadonlySet<string>;
  readonly prefixes: readonly string[];
}

/** The targets of a request; none of them need be valid. */
export interface Touched {
  readonly account: string;
  readonly productKey: string;
  /** Undefined if the request's priority is unknown. */
  readonly priority: string | undefined;
  readonly verify: boolean;
  /** Whether it is a whole rollout. */
  readonly isRollout?: boolean;
}

/** The rights of every caller while the callers file is empty or absent. */
export const UNLIMITED: Rights = { weight: 1, verify: true, stopRollouts: true };

/** The fields of the request that exceed these rights; empty if the request is allowed. */
export function beyond(
  rights: Rights,
  { account, productKey, priority, verify, isRollout }: Touched,
): readonly string[] {
  if (rights === UNLIMITED) return NONE;
  const fields: string[] = [];
  if (!mayUse(rights, account)) fields.push("account");
  if (rights.products && !holds(rights.products, productKey)) fields.push("product_key");
  if (rights.priorities && (priority === undefined || !rights.priorities.has(priority))) fields.push("priority");
  if (verify && !rights.verify) fields.push("verify");
  if (isRollout && !rights.stopRollouts) fields.push("rollout (stop_rollouts)");
  return fields;
}

/** The fields of a reading request that exceed these rights; empty if the request is allowed. */
export function beyondReading(rights: Rights, { account, productKey }: Pick<Touched, "account" | "productKey">) {
  return beyond({ ...rights, priorities: undefined }, { account, productKey, priority: undefined, verify: false });
}

export function mayUse({ accounts }: Rights, account: string): boolean {
  return !accounts || accounts.has(account);
}

const NONE: readonly string[] = [];

function holds({ exact, prefixes }: Products, productKey: string): boolean {
  return exact.has(productKey) || prefixes.some((prefix) => productKey.startsWith(prefix));
}
