// What a caller may touch. A list that is absent limits nothing, one that is there limits to what it holds. Pure.

/** The rights of one caller, as the file gives them. */
export interface Rights {
  /** The share that it gets when there is not enough for all. */
  readonly weight: number;
  readonly accounts?: ReadonlySet<string>;
  readonly products?: Products;
  readonly priorities?: ReadonlySet<string>;
  readonly maxQueuedDevices?: number;
  readonly verify: boolean;
}

/** Product keys: these, and all that begin so. */
export interface Products {
  readonly exact: ReadonlySet<string>;
  readonly prefixes: readonly string[];
}

/** What a request would touch; nothing of it need be valid. */
export interface Touched {
  readonly account: string;
  readonly productKey: string;
  /** Undefined for one that is not known. */
  readonly priority: string | undefined;
  readonly verify: boolean;
}

/** The rights of everybody as long as the file names no caller. */
export const UNLIMITED: Rights = { weight: 1, verify: true };

/** The fields of the request that are beyond these rights: all of them, none if it may be done. */
export function beyond(rights: Rights, { account, productKey, priority, verify }: Touched): readonly string[] {
  if (rights === UNLIMITED) return NONE;
  const fields: string[] = [];
  if (!mayUse(rights, account)) fields.push("account");
  if (rights.products && !holds(rights.products, productKey)) fields.push("product_key");
  if (rights.priorities && (priority === undefined || !rights.priorities.has(priority))) fields.push("priority");
  if (verify && !rights.verify) fields.push("verify");
  return fields;
}

export function mayUse({ accounts }: Rights, account: string): boolean {
  return !accounts || accounts.has(account);
}

const NONE: readonly string[] = [];

function holds({ exact, prefixes }: Products, productKey: string): boolean {
  return exact.has(productKey) || prefixes.some((prefix) => productKey.startsWith(prefix));
}
