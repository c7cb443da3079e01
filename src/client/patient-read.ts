// Reads that outlast a restart of the gateway, as operations do.
import { type Clock, sleepUntil } from "../base/clock.js";
import { OtaError } from "./ota-error.js";

/** Codes of a gateway that is away, or busy. */
const PASSING_CODES: ReadonlySet<string> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"]);
/** The same of a connection that breaks, or that a proxy ends; reading again is harmless. */
const BROKEN_CODES: ReadonlySet<string> = new Set(["CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED"]);
/** A read is repeated for this long after its first failure. */
const PATIENCE_MS = 60_000;
/** Two reads begin at least this far apart: a gateway that is shutting down answers at once. */
export const AGAIN_MS = 500;

/** Repeats a read while the gateway is away. */
export async function patiently<T>(clock: Clock, read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let awaySinceMs = Infinity; ; ) {
    const askedMs = clock.now();
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof OtaError) || !isPassing(error)) throw error;
      awaySinceMs = Math.min(awaySinceMs, clock.now());
      if (clock.now() - awaySinceMs > PATIENCE_MS) throw error;
    }
    await sleepUntil(clock, askedMs + AGAIN_MS, signal);
  }
}

/** All pages. The first is read without patience, so that a wrong address fails at once. */
export async function* pagesOf<Page extends { readonly nextPageToken: string }>(
  clock: Clock,
  read: (pageToken: string) => Promise<Page>,
  signal?: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  let page = await read("");
  for (;;) {
    yield page;
    const { nextPageToken } = page;
    if (nextPageToken === "") return;
    page = await patiently(clock, () => read(nextPageToken), signal);
  }
}

function isPassing({ code, reason }: OtaError): boolean {
  return PASSING_CODES.has(code) || (reason === "TRANSPORT" && BROKEN_CODES.has(code));
}
