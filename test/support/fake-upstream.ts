// An upstream under the hand clock that answers as a test decides, and records every call.
import type { Clock } from "../../src/base/clock.js";
import type { CallEnd, CancelCall, Reaction, Room, Upstream } from "../../src/gateway/upstream.js";

/** How one call is answered, and after how long. */
export interface Reply {
  readonly end: CallEnd;
  readonly delayMs: number;
}

/** A call as the upstream saw it. */
export interface SeenCall extends CancelCall {
  readonly sentMs: number;
  endedMs?: number;
  end?: CallEnd;
}

interface Options {
  readonly clock: Clock;
  readonly room?: Partial<Room>;
  readonly timeoutMs?: number;
  /** Called for each call. Without a reply, the call is accepted after 20 ms. */
  readonly reply?: (call: CancelCall, nth: number) => Reply | undefined;
}

/** 200 devices, and enough bytes. */
export const ROOM: Room = {
  devices: 200,
  bytes: 12_288,
  bytesOfScope: () => 100,
  bytesOfDevice: (name) => name.length,
};

export class FakeUpstream implements Upstream {
  readonly room: Room;
  readonly timeoutMs: number;
  readonly calls: SeenCall[] = [];
  reply: NonNullable<Options["reply"]>;
  readonly #clock: Clock;

  constructor({ clock, room = {}, timeoutMs = 10_000, reply = () => undefined }: Options) {
    this.#clock = clock;
    this.room = { ...ROOM, ...room };
    this.timeoutMs = timeoutMs;
    this.reply = reply;
  }

  cancelTasks(call: CancelCall): Promise<CallEnd> {
    const nth = this.calls.length;
    const seen: SeenCall = { ...call, sentMs: this.#clock.now() };
    this.calls.push(seen);
    const { end, delayMs } = this.reply(call, nth) ?? { end: accepted(`request-${nth}`), delayMs: 20 };
    return new Promise((resolve) => {
      this.#clock.at(this.#clock.now() + Math.min(delayMs, this.timeoutMs), () => {
        seen.endedMs = this.#clock.now();
        seen.end = end;
        resolve(end);
      });
    });
  }
}

export function accepted(requestId = "request"): CallEnd {
  return { kind: "accepted", requestId };
}

export function refused(reaction: Reaction, { code = "iot.some.Code", message = "", retryAfterMs = -1 } = {}): CallEnd {
  const refusal = { code, message, reaction, ...(retryAfterMs >= 0 && { retryAfterMs }) };
  return { kind: "refused", requestId: "request", refusal };
}

export const THROTTLED = refused({ kind: "throttled" }, { code: "Throttling.User" });
export const UNAVAILABLE = refused({ kind: "unavailable" }, { code: "ServiceUnavailable" });
export const DEVICE_FAULT = refused(
  { kind: "rejected", rejection: "not-found", deviceFault: true },
  { code: "iot.device.NotExistedDevice" },
);
export const REJECTED = refused({ kind: "rejected", rejection: "precondition", deviceFault: false });
export const LOST: CallEnd = { kind: "lost", message: "no answer came" };
export const UNWRITTEN: CallEnd = { kind: "unwritten", message: "no connection", ours: false };
