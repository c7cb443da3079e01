// Decides whether a caller may do what it asks. This comes before all other checks of a request,
// and what does not exist gets the same answer as what is not allowed, so that a caller learns of
// nothing that is not its own.
import { GatewayError, invalid } from "../../gateway/failures.js";
import type { CallerBook } from "../../identity/caller-book.js";
import { CALLER_NAME_RULE } from "../../identity/caller-name.js";
import type { Stranger } from "../../identity/identity.js";
import { beyond, beyondReading, mayUse, type Rights, type Touched } from "../../identity/rights.js";
import { CALLER_HEADER } from "../transport/caller.js";

/** Throws GatewayError if the caller may not do all of this. */
export function checkRights(book: CallerBook, caller: string, touched: Touched): void {
  const fields = beyond(rightsOf(book, caller), touched);
  if (fields.length > 0) throw forbidden(`this caller has no right to this ${fields.join(", ")}`);
}

/** Throws GatewayError if the caller may not read about this product. */
export function checkReading(book: CallerBook, caller: string, touched: Pick<Touched, "account" | "productKey">): void {
  const fields = beyondReading(rightsOf(book, caller), touched);
  if (fields.length > 0) throw forbidden(`this caller has no right to this ${fields.join(", ")}`);
}

/** Throws GatewayError if the caller may not use this account. */
export function checkAccount(book: CallerBook, caller: string, account: string): void {
  if (!mayUse(rightsOf(book, caller), account)) throw forbidden("this caller has no right to this account");
}

/** The rights of the caller. Throws GatewayError if it has none. */
export function rightsOf(book: CallerBook, caller: string): Rights {
  const rights = book.rightsOf(caller);
  if (!rights) throw forbidden("this caller has no rights here");
  return rights;
}

/** The answer to a stranger: the same, whatever was wrong with its credentials. */
export function turnedAway({ why, retryAfterMs }: Stranger): GatewayError {
  if (why === "x-ota-caller is no caller name")
    return invalid(CALLER_HEADER, `must be one name of ${CALLER_NAME_RULE}`);
  if (retryAfterMs === undefined) return new GatewayError({ kind: "unauthenticated", message: "no valid credentials" });
  const message = "credentials cannot be checked at the moment";
  return new GatewayError({ kind: "unavailable", message }, { retryAfterMs });
}

function forbidden(message: string): GatewayError {
  return new GatewayError({ kind: "forbidden", message });
}
