// A request has to arrive: who begins to send one and does not go on is told so after a while, or it would hold its
// stream, and what has come of it, for ever. A stream of requests may be silent for as long as it likes.
// grpc-js' own ServerInterceptingCall would do, at a tenth of what an rpc costs: it is passed by every event both ways.
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

type Call = ServerInterceptingCallInterface;
type Listener = Parameters<Call["start"]>[0];

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

  function interceptor(method: { readonly requestStream: boolean }, call: Call): ServerInterceptingCall {
    const watched = method.requestStream ? call : new Arriving(call, clock.now() + ARRIVES_WITHIN_MS, arriving);
    return watched as ServerInterceptingCall; // of which grpc-js uses what the interface has
  }

  function arm(): void {
    disarm = clock.at(clock.now() + SWEEP_EVERY_MS, () => {
      const nowMs = clock.now();
      for (const one of arriving) {
        if (one.untilMs > nowMs) break;
        one.sendStatus(LATE);
      }
      arm();
    });
  }
}

/** A call whose request has not arrived yet, and what it tells its handler when it has. */
class Arriving implements ServerInterceptingCallInterface {
  readonly untilMs: number;
  readonly #call: Call;
  readonly #arriving: Set<Arriving>;
  #listener: Listener | undefined;

  constructor(call: Call, untilMs: number, arriving: Set<Arriving>) {
    this.#call = call;
    this.untilMs = untilMs;
    this.#arriving = arriving;
    arriving.add(this);
  }

  start(listener: Listener): void {
    this.#listener = listener;
    this.#call.start(this);
  }

  onReceiveMetadata(metadata: Parameters<Listener["onReceiveMetadata"]>[0]): void {
    this.#listener?.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.#listener?.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.#arriving.delete(this);
    this.#listener?.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#arriving.delete(this);
    this.#listener?.onCancel();
  }

  sendMetadata(metadata: Parameters<Call["sendMetadata"]>[0]): void {
    this.#call.sendMetadata(metadata);
  }

  sendMessage(message: unknown, sent: () => void): void {
    this.#call.sendMessage(message, sent);
  }

  sendStatus(status: Parameters<Call["sendStatus"]>[0]): void {
    this.#call.sendStatus(status);
  }

  startRead(): void {
    this.#call.startRead();
  }

  getPeer(): string {
    return this.#call.getPeer();
  }

  getDeadline(): ReturnType<Call["getDeadline"]> {
    return this.#call.getDeadline();
  }

  getHost(): string {
    return this.#call.getHost();
  }

  getAuthContext(): ReturnType<Call["getAuthContext"]> {
    return this.#call.getAuthContext();
  }

  getConnectionInfo(): ReturnType<Call["getConnectionInfo"]> {
    return this.#call.getConnectionInfo();
  }

  getMetricsRecorder(): ReturnType<Call["getMetricsRecorder"]> {
    return this.#call.getMetricsRecorder();
  }
}
