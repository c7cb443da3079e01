// One HTTP exchange, within one time for all of connect, headers and body, that knows whether the request
// was written. `onRequestStart` is called in the same step as the write: an error before it means that
// nothing was written, an abort from within it that nothing will be, and anything after it is doubt.
import type { Dispatcher } from "undici";
import type { Clock } from "../base/clock.js";
import type { HttpAnswer } from "./answer.js";
import type { WireRequest } from "./request.js";

/** What came of a request. A fault is an error's code or one of our own words, fit for an attribute. */
export type Exchange =
  | { readonly kind: "answered"; readonly answer: HttpAnswer }
  | { readonly kind: "lost"; readonly fault: string; readonly status?: number }
  | { readonly kind: "unwritten"; readonly fault: string };

/** A list of a hundred tasks takes some sixty thousand bytes, every other answer some hundred. */
const LONGEST_BODY_BYTES = 256 * 1024;

type State =
  | { readonly kind: "waiting" }
  | { readonly kind: "written"; readonly controller: Dispatcher.DispatchController }
  | { readonly kind: "over" };

/** Sends a request once. Always resolves, at the monotonic `untilMs` at the latest. */
export function exchange(
  dispatcher: Dispatcher,
  origin: string,
  request: WireRequest,
  clock: Clock,
  untilMs: number,
): Promise<Exchange> {
  return new Promise((resolve) => {
    let state: State = { kind: "waiting" };
    let head: Omit<HttpAnswer, "body"> | undefined;
    const chunks: Buffer[] = [];
    let bodyBytes = 0;

    const end = (outcome: Exchange) => {
      if (state.kind === "over") return;
      disarm();
      state = { kind: "over" };
      resolve(outcome);
    };
    const fail = (fault: string) => {
      const before = state;
      if (before.kind === "waiting") return end({ kind: "unwritten", fault });
      end({ kind: "lost", fault, ...(head && { status: head.status }) });
      // The socket goes with it: an answer that came later would be read as the next request's.
      if (before.kind === "written") before.controller.abort(new Error(fault));
    };
    const disarm = clock.at(untilMs, () => fail("timeout"));

    dispatcher.dispatch(
      // No timeouts of undici's: they are coarse, and per phase.
      { origin, method: "POST", ...request, headers: { ...request.headers }, headersTimeout: 0, bodyTimeout: 0 },
      {
        onRequestStart(controller) {
          // A process that was stopped can come here before its timer.
          if (clock.now() >= untilMs) fail("timeout");
          // Given up while it waited for a connection, or started a second time: undici documents that it
          // may start a request again when it pipelines. Either way, it must not be written.
          if (state.kind !== "waiting") return controller.abort(new Error("must not be written"));
          state = { kind: "written", controller };
        },
        onResponseStart(_controller, status, headers) {
          head = { status, headers };
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
          bodyBytes += chunk.length;
          if (bodyBytes > LONGEST_BODY_BYTES) fail("answer too long");
        },
        onResponseEnd() {
          if (head) end({ kind: "answered", answer: { ...head, body: Buffer.concat(chunks).toString("utf8") } });
        },
        onResponseError(_controller, error) {
          fail(faultOf(error));
        },
      },
    );
  });
}

/** An error's code, or its kind. Not its message: that names addresses. */
function faultOf(error: Error): string {
  // Happy eyeballs put the errors of all addresses into one.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  for (const each of [error, first]) {
    if (each instanceof Error && "code" in each && typeof each.code === "string") return each.code;
  }
  return error.name;
}
