// A request has to arrive: who begins to send one and does not go on is told so after a while, or it would hold its
// stream, and what has come of it, for ever. A stream of requests may be silent for as long as it likes.
import type { ServerInterceptingCall, ServerInterceptingCallInterface, ServerInterceptor } from "@grpc/grpc-js";
import type { Clock } from "../clock.js";
import { GatewayError } from "../gateway/errors.js";
import { wireErrorOf } from "./status.js";

/** For the largest request over a bad line. */
const ARRIVES_WITHIN_MS = 30_000;

const SWEEP_EVERY_MS = 5000;

const LATE = wireErrorOf(
  new GatewayError({ kind: "expired", message: `the request did not arrive within ${ARRIVES_WITHIN_MS / 1000} s` }),
);

interface Arriving {
  readonly call: ServerInterceptingCallInterface;
  readonly untilMs: number;
}

export interface SlowSenders {
  readonly interceptor: ServerInterceptor;
  close(): void;
}

export function watchSlowSenders(clock: Clock): SlowSenders {
  /** The oldest first. */
  const arriving = new Set<Arriving>();
  let disarm = () => {};
  arm();
  return { interceptor, close: () => disarm() };

  /** Listens in without a layer of its own, which every event of every rpc would pass through. */
  function interceptor(method: { readonly requestStream: boolean }, call: ServerInterceptingCallInterface) {
    if (!method.requestStream) {
      const one: Arriving = { call, untilMs: clock.now() + ARRIVES_WITHIN_MS };
      arriving.add(one);
      const start = call.start.bind(call);
      call.start = (listener) => {
        const { onReceiveHalfClose, onCancel } = listener;
        listener.onReceiveHalfClose = () => {
          arriving.delete(one);
          onReceiveHalfClose.call(listener);
        };
        listener.onCancel = () => {
          arriving.delete(one);
          onCancel.call(listener);
        };
        start(listener);
      };
    }
    return call as ServerInterceptingCall;
  }

  function arm(): void {
    disarm = clock.at(clock.now() + SWEEP_EVERY_MS, () => {
      const nowMs = clock.now();
      for (const { call, untilMs } of arriving) {
        if (untilMs > nowMs) break;
        call.sendStatus(LATE);
      }
      arm();
    });
  }
}
