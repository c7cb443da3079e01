// A request has to arrive: who begins to send one and does not go on is told so after a while, or it would hold its
// stream, and what has come of it, for ever. A stream of requests may be silent for as long as it likes.
import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from "@grpc/grpc-js";
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

  function interceptor(method: { readonly requestStream: boolean }, call: ServerInterceptingCallInterface) {
    if (method.requestStream) return new ServerInterceptingCall(call);
    const one: Arriving = { call, untilMs: clock.now() + ARRIVES_WITHIN_MS };
    arriving.add(one);
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveHalfClose: (pass) => {
            arriving.delete(one);
            pass();
          },
          onCancel: () => void arriving.delete(one),
        }),
    });
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
