// The meaning of a batch's status, and no more. It can say that tasks may still be pushed; that all
// have ended is only known from counts.
import type { JobRow } from "./job-operator.js";

/** A word that the documentation does not have counts as open. */
const ENDED: ReadonlySet<string> = new Set(["COMPLETED", "COMPLETE", "CANCELED"]);

export function isOpenStatus(status: string): boolean {
  return !ENDED.has(status);
}

/** A canceled batch may have open tasks: closing a dynamic batch leaves them. */
export function mayHaveOpenTasks(status: string): boolean {
  return status === "CANCELED" || isOpenStatus(status);
}

/** Codes by which a canceling call is refused for a batch that is canceled or over already. */
export function isOverAlready(code: string): boolean {
  return /^iot\.ota\.(JobCanceled|JobHasCanceled|JobHasFinished)$/i.test(code);
}

/** The batches of a product among those of a package. A batch that does not say is no-one's. */
export function isOfRollout(
  row: JobRow,
  rollout: { readonly productKey: string; readonly firmwareId: string },
): boolean {
  return row.productKey === rollout.productKey && row.firmwareId === rollout.firmwareId;
}

/** Whether the list says enough about a batch; else it has to be queried. */
export function isClear({ kind, productKey, firmwareId }: JobRow): boolean {
  return kind !== undefined && productKey !== "" && firmwareId !== "";
}
