// Makes one HTTP exchange within one timeout for connect, headers and body, and knows whether the
// request was written. undici calls `onRequestStart` in the same step as the write. So after an
// error before it, nothing was written; after an abort inside it, nothing will be; after anything
// later, it is unknown whether the request was received.
import type { Dispatcher } from "undici";
import type { Clock } from "../base/clock.js";
import type { HttpAnswer } from "./answer.js";
import type { WireRequest } from "./request.js";

/**
 * How an exchange ended. `fault` is an error's code or one of our own words, fit for a span
 * attribute.
 */
export type Exchange =
  /** `waitMs`: from the writing of the request to the head of the answer. */
  | { readonly kind: "answered"; readonly answer: HttpAnswer; readonly waitMs: number }
  | { readonly kind: "lost"; readonly fault: string; readonly status?: number }
  | { readonly kind: "unwritten"; readonly fault: string };

/** A list of a hundred tasks takes about 60,000 bytes; every other answer a few hundred. */
const LONGEST_BODY_BYTES = 256 * 1024;

type State =
  | { readonly kind: "waiting" }
  | { readonly kind: "written"; readonly controller: Dispatcher.DispatchController; readonly atMs: number }
  | { readonly kind: "over" };

/** Sends a request once. Always resolves, by the monotonic `untilMs` at the latest. */
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
    let waitMs = 0;
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
      // This closes the socket too: a late answer on it would be read as the answer to the next
      // request.
      if (before.kind === "written") before.controller.abort(new Error(fault));
    };
    const disarm = clock.at(untilMs, () => fail("timeout"));

    dispatcher.dispatch(
      // undici's own timeouts are coarse and apply to single phases, so they are off.
      { origin, method: "POST", ...request, headers: { ...request.headers }, headersTimeout: 0, bodyTimeout: 0 },
      {
        onRequestStart(controller) {
          // A process that was stopped and continued can get here before its timer runs.
          const atMs = clock.now();
          if (atMs >= untilMs) fail("timeout");
          // Either the request was given up while it waited for a connection, or it is started a
          // second time: undici documents that it may do so when it pipelines. In both cases it
          // must not be written.
          if (state.kind !== "waiting") return controller.abort(new Error("must not be written"));
          state = { kind: "written", controller, atMs };
        },
        onResponseStart(_controller, status, headers) {
          head = { status, headers };
          if (state.kind === "written") waitMs = clock.now() - state.atMs;
        },
        onResponseData(_controller, chunk) {
          chunks.push(chunk);
          bodyBytes += chunk.length;
          if (bodyBytes > LONGEST_BODY_BYTES) fail("answer too long");
        },
        onResponseEnd() {
          if (!head) return;
          end({ kind: "answered", answer: { ...head, body: Buffer.concat(chunks).toString("utf8") }, waitMs });
        },
        onResponseError(_controller, error) {
          fail(faultOf(error));
        },
      },
    );
  });
}

/** A proxy's refusal, in the words of undici: of a tunnel, or of a plain request. */
const PROXY_REFUSAL = /^Proxy (?:response|Authentication Required) \((\d{3})\)/;

/** An error's code, or else its name. Never its message, which contains addresses. */
function faultOf(error: Error): string {
  const [, status] = PROXY_REFUSAL.exec(error.message) ?? [];
  if (status) return `PROXY_${status}`;
  // Happy eyeballs wraps the errors of all addresses in an AggregateError.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  for (const each of [error, first]) {
    if (each instanceof Error && "code" in each && typeof each.code === "string") return each.code;
  }
  return error.name;
}
