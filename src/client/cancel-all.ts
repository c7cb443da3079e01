// Cancels for any number of devices through the stream, with as many under way at a time as a
// gateway reads. Requests are repeated while that makes sense, also after the gateway went away and
// came back. Every name that was taken gets exactly one result, however the run ends.
//
// An abort is in two steps, so that no more is UNKNOWN than was under way. First the stream carries
// `withdraw` and is half-closed: devices that wait at the gateway leave its queue at once, and it
// answers each request when its calls have ended, within a second. Then, if no answer comes any
// more, the rpc is canceled, which a gateway notices whatever else it does.
import type { Clock } from "../base/clock.js";
import type { StreamCancelTasksByDeviceResponse } from "../gen/ota/v1/ota_service.js";
import { checkNamesType, checkOptionTypes } from "./argument-types.js";
import type { Failure } from "./failure.js";
import { UnderWay } from "./in-flight.js";
import { type CancelStream, LastingStream, WITHDRAWAL } from "./lasting-stream.js";
import { Mailbox } from "./mailbox.js";
import { NameReader } from "./name-reader.js";
import { OtaError } from "./ota-error.js";
import type { CancelScope } from "./request.js";
import type { DeviceResult } from "./response.js";
import { isUnsent } from "./transport-words.js";
import { wireRequestOf } from "./wire-request.js";
import { msOf } from "./wire-time.js";

export interface CancelAllOptions {
  /**
   * Stops the run: devices not yet sent to the upstream leave the gateway's queue. The last answers
   * are awaited, usually for a second.
   */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CancelAllProgress) => void;
}

export interface CancelAllProgress {
  /** Upstream calls so far that held devices of this list. */
  readonly calls: number;
  /** The gateway's estimate for the devices that it has received so far; absent if it has none. */
  readonly expectedRemainingMs?: number;
  /** Why nothing makes progress at the moment; absent while calls are carried out. */
  readonly obstacle?: string;
}

export interface CancelAllSeams {
  readonly clock: Clock;
  readonly open: () => Promise<CancelStream>;
}

/** As many as a gateway reads of one stream at a time; more would only wait in the connection. */
const CHUNKS_UNDER_WAY = 20;

/** The gateway answers within a second; the others are for the way there and back. */
const NEXT_ANSWER_MS = 3000;

/** For a gateway that does not read the withdrawal, because its queue is full. */
const UNREAD_MS = 5000;

const LEFT: Failure = {
  reason: "ABORTED",
  code: "CANCELLED",
  message: "the run was stopped before its answer came",
  violations: [],
  devices: {},
};

/** Follows the last result. */
const OVER = Symbol("over");

export async function* cancelAll(
  names: Iterable<string> | AsyncIterable<string>,
  scope: CancelScope,
  options: CancelAllOptions,
  { clock, open }: CancelAllSeams,
): AsyncGenerator<DeviceResult, void, undefined> {
  checkOptionTypes(options);
  checkNamesType(names);
  const { signal, onProgress = () => {} } = options;
  signal?.throwIfAborted();
  wireRequestOf(scope); // throws now rather than at the first chunk
  const underWay = new UnderWay();
  const results = new Mailbox<readonly DeviceResult[] | typeof OVER>();
  const requestIds = new Set<string>();
  let hasAllNames = false;
  /** Why the run ends before its names do. */
  let fatal: { readonly error: unknown; readonly failure: Failure } | undefined;
  let disarm = () => {};
  let disarmLeave = () => {};
  /** Set once requests have been withdrawn: when to wait for no more answers. */
  let leaveByMs: number | undefined;

  const stream = new LastingStream({
    clock,
    open,
    opened: advance,
    heard: (response) => {
      heard(response);
      advance();
    },
    broke: (failure, isFinal, error = new OtaError(failure)) => {
      // A connection that was never made has carried nothing.
      results.put(underWay.lost(failure, !isUnsent(failure)));
      if (isFinal) stop(error, failure);
      advance();
    },
    ended: () => {
      results.put(underWay.lost(LEFT, true)); // nothing, unless the stream was withdrawn and not answered
      advance();
    },
  });
  const reader = new NameReader(names, {
    clock,
    chunkDevices: () => underWay.chunkDevices,
    hasRoom: () => underWay.chunks + results.size < CHUNKS_UNDER_WAY,
    chunk: (taken) => {
      results.put(underWay.take(taken));
      advance();
    },
    ended: (error) => {
      hasAllNames = true;
      if (error !== undefined) stop(error, LEFT);
      advance();
    },
  });
  const abort = () => {
    stop(signal?.reason, LEFT);
    if (!stream.isOpen || !underWay.isAsked) return leave();
    stream.withdraw();
    leaveByMs = clock.now() + UNREAD_MS;
    awaitAnswer(leaveByMs);
    advance();
  };
  const awaitAnswer = (byMs: number) => {
    disarmLeave();
    disarmLeave = clock.at(Math.min(clock.now() + NEXT_ANSWER_MS, byMs), leave);
  };
  const leave = () => {
    stream.leave();
    results.put(underWay.lost(LEFT, true));
    advance();
  };
  signal?.addEventListener("abort", abort, { once: true });

  try {
    for (;;) {
      const next = await results.next();
      if (next === OVER) break;
      yield* next;
      reader.roomAgain();
    }
    if (fatal) throw fatal.error;
  } finally {
    signal?.removeEventListener("abort", abort);
    reader.stop();
    disarm();
    disarmLeave();
    stream.leave();
  }

  /** Sends what is due, or ends a run that is done. */
  function advance(): void {
    disarm();
    if (fatal) results.put(underWay.giveUpWaiting(fatal.failure));
    if (underWay.chunks === 0 && (hasAllNames || fatal)) {
      if (stream.end()) results.put(OVER);
      return;
    }
    if (underWay.nextDueMs === Infinity) return;
    if (!stream.isOpen) {
      stream.connect();
      return;
    }
    for (const { sequence, names: deviceNames } of underWay.ask(clock.now())) {
      stream.ask({ sequence, request: wireRequestOf({ ...scope, deviceNames }), withdraw: false });
    }
    if (underWay.nextDueMs < Infinity) disarm = clock.at(underWay.nextDueMs, advance);
  }

  function heard({ event }: StreamCancelTasksByDeviceResponse): void {
    if (event?.$case === "progress") {
      const { expectedRemaining, obstacle } = event.progress;
      onProgress({
        calls: requestIds.size,
        ...(expectedRemaining && { expectedRemainingMs: msOf(expectedRemaining) }),
        ...(obstacle && { obstacle }),
      });
    }
    if (event?.$case !== "answer") return;
    if (event.answer.sequence === WITHDRAWAL) {
      leave(); // refused: this gateway is older than `withdraw`
      return;
    }
    const settled = underWay.answered(event.answer, clock.now());
    if (leaveByMs !== undefined) {
      // The withdrawal has been read, so all other answers follow.
      if (settled.results.some(({ failure }) => failure?.reason === "ABORTED")) leaveByMs = Infinity;
      awaitAnswer(leaveByMs);
    }
    for (const { requestId } of settled.calls) if (requestId) requestIds.add(requestId);
    onProgress({ calls: requestIds.size });
    results.put(settled.results);
    if (settled.refused) stop(new OtaError(settled.refused), settled.refused);
  }

  /** Takes no more names and sends nothing more; requests under way may still be answered. */
  function stop(error: unknown, failure: Failure): void {
    fatal ??= { error, failure };
    results.put(underWay.take(reader.stop()));
  }
}
