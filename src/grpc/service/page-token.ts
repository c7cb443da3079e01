// Page tokens: a position, and what it is a position in. They are no secret, and promise nothing:
// every page is checked against the caller's rights again.
import { invalid } from "../../gateway/failures.js";
import { isOperationId } from "../../operations/operation-id.js";

/** `of`: everything that has to be the same for the next page. */
export function pageTokenOf(of: readonly unknown[], position: unknown): string {
  return Buffer.from(JSON.stringify([of, position])).toString("base64url");
}

/** The position; undefined for the first page. Throws GatewayError unless it is of that form. */
export function positionIn<T>(
  token: string,
  of: readonly unknown[],
  isPosition: (position: unknown) => position is T,
): T | undefined {
  if (token === "") return undefined;
  try {
    const [made, position] = JSON.parse(Buffer.from(token, "base64url").toString()) as [unknown, unknown];
    if (JSON.stringify(made) === JSON.stringify(of) && isPosition(position)) return position;
  } catch {
    // Falls through: the same answer for all.
  }
  throw invalid("page_token", "is not a token of this list; start with an empty one");
}

/**
 * The position of an operation in the list of all. Anything else would be an error of the store,
 * which looks as if it were away.
 */
export function isListPosition(position: unknown): position is { readonly createMs: number; readonly id: string } {
  const { createMs, id } = (position ?? {}) as Record<string, unknown>;
  return Number.isSafeInteger(createMs) && typeof id === "string" && isOperationId(id);
}

/** Zero means the usual size, and too much the most. */
export function pageSizeOf(asked: number, usual: number, most: number): number {
  if (asked < 0) throw invalid("page_size", "must not be negative");
  return Math.min(asked || usual, most);
}
