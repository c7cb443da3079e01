// A request has to arrive: who begins to send one and does not go on is told so after a while, or it would hold its
// stream, and what has come of it, for ever. A stream of requests may be silent for as long as it likes.
import type { ServerInterceptingCall, ServerInterceptingCallInterface, ServerInterceptor } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { GatewayError } from "../../gateway/errors.js";
import { wireErrorOf } from "../wire/status.js";

/** For the largest request over a bad line. */
const ARRIVES_WITHIN_MS = 30_000;

const SWEEP_EVERY_MS = 5000;

const LATE = wireErrorOf(
  new GatewayError({ kind: "expired", message: `the request did not arrive within ${ARRIVES_WITHIN_MS / 1000} s` }),
);

/** Nothing that watches an rpc may keep it: what outlives it only a little already costs the collector dearly. */
interface Arriving {
  readonly call: WeakRef<ServerInterceptingCallInterface>;
  readonly untilMs: number;
}

export interface RequestTimeouts {
  readonly interceptor: ServerInterceptor;
  close(): void;
}

export function watchRequestTimeouts(clock: Clock): RequestTimeouts {
  /** Begun in this turn of the event loop, in which most of them arrive whole. */
  const begun: ServerInterceptingCallInterface[] = [];
  /** Those that have not, the oldest first. */
  let arriving: Arriving[] = [];
  let disarm = () => {};
  arm();
  return { interceptor, close: () => disarm() };

  /** Listens to nothing: every event of every rpc would pass through it. */
  function interceptor(method: { readonly requestStream: boolean }, call: ServerInterceptingCallInterface) {
    if (!method.requestStream && begun.push(call) === 1) setImmediate(sift);
    return call as ServerInterceptingCall;
  }

  function sift(): void {
    const untilMs = clock.now() + ARRIVES_WITHIN_MS;
    for (const call of begun) if (!hasArrived(call)) arriving.push({ call: new WeakRef(call), untilMs });
    begun.length = 0;
  }

  function arm(): void {
    disarm = clock.at(clock.now() + SWEEP_EVERY_MS, () => {
      sweep();
      arm();
    });
  }

  function sweep(): void {
    const nowMs = clock.now();
    arriving = arriving.filter((each) => {
      const call = each.call.deref();
      if (!call || hasArrived(call)) return false;
      if (each.untilMs > nowMs) return true;
      call.sendStatus(LATE); // which does nothing if it is over
      return false;
    });
  }
}

/** What grpc-js knows of a call and hides from everybody else. Were it renamed, every long wait would be cut off. */
function hasArrived(call: object): boolean {
  return "receivedHalfClose" in call && call.receivedHalfClose === true;
}
