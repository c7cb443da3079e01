// Makes the calls to the upstream: signs a call, sends it once, and reads how it ended. Every call
// resolves within the timeout and is never cut short for a caller's sake. No text that leaves this
// file holds an address, a key or a device name.
import { randomUUID } from "node:crypto";
import { context, propagation, trace } from "@opentelemetry/api";
import type { Clock } from "../base/clock.js";
import { DeadlineExceeded, withDeadline } from "../base/deadline.js";
import type { Scope } from "../gateway/command.js";
import type { DeviceReadEnd, DeviceReader } from "../gateway/device-reader.js";
import type { CallEnd, Upstream } from "../gateway/upstream.js";
import { createConnectionPool } from "../network/connection-pool.js";
import type { JobOperator } from "../rollout/job-operator.js";
import type { ReadEnd, TaskReader } from "../verification/task-reader.js";
import { type HttpAnswer, readAnswer } from "./answer.js";
import { createRoom } from "./call-size.js";
import { type CredentialsSource, NoCredentials } from "./credentials-source.js";
import { DETAILS_PLACE, readDeviceList, STATES_PLACE } from "./device-list.js";
import {
  CANCEL_BY_DEVICE,
  DEVICE_DETAILS,
  DEVICE_STATES,
  type Operation,
  type OperationShape,
  TASKS_OF_JOB,
  UNFINISHED_TASKS,
} from "./device-operations.js";
import { type Exchange, exchange } from "./exchange.js";
import { describeExchange, describeFault, requestAttributes } from "./http-attributes.js";
import { createJobOperator } from "./job-operations.js";
import { makeRequest, type WireRequest } from "./request.js";
import { roundTrip } from "./round-trip-probe.js";
import { createSigningContext, type SignedWith } from "./signing-context.js";
import { readTaskList } from "./task-list.js";

export interface UpstreamOptions {
  /** Scheme, host and port of the endpoint. */
  readonly url: URL;
  /** Time for one call: keys, connection, request and answer together. */
  readonly timeoutMs: number;
  /** Limit on the whole encoded address of a call. */
  readonly maxUrlBytes?: number;
  readonly credentials: CredentialsSource;
  readonly clock: Clock;
  /** The proxy for `url`; undefined for direct calls. */
  readonly proxy?: URL | undefined;
}

/**
 * The account's access to the upstream: cancel calls and task lists, over one pool of connections.
 */
export interface UpstreamClient extends Upstream {
  readonly tasksOfJob: TaskReader;
  readonly unfinishedTasks: TaskReader;
  readonly deviceDetails: DeviceReader;
  readonly deviceStates: DeviceReader;
  readonly jobs: JobOperator;
  /** Measures the way to the upstream and back, in ms. Undefined if it failed. Always resolves. */
  roundTrip(): Promise<number | undefined>;
  /** Waits for the calls under way, no longer than their timeout. */
  close(): Promise<void>;
}

/** How a call ended, and what came with its success. */
interface Sent {
  readonly end: CallEnd;
  readonly body?: string;
}

/** Creates an upstream over HTTP. */
export function createUpstream(options: UpstreamOptions): UpstreamClient {
  const { url, timeoutMs, maxUrlBytes = 12_288, clock } = options;
  const signing = createSigningContext(options.credentials, clock);
  const asked = requestAttributes(url);
  const underWay = new Set<Promise<Sent>>();
  let closed = false;
  const dispatcher = createConnectionPool(url, timeoutMs, options.proxy);

  const send = async (operation: Operation, untilMs: number): Promise<Sent> => {
    if (closed) return { end: unwritten("The gateway is shutting down.") };
    const span = trace.getActiveSpan();
    span?.setAttributes(asked);
    let signedWith: SignedWith;
    let request: WireRequest;
    try {
      const headers = contextHeaders();
      signedWith = await withDeadline(clock, untilMs, signing.signedWith());
      const wallMs = clock.wallNow() + signedWith.offsetMs;
      const made = makeRequest(operation, { url, credentials: signedWith.credentials, wallMs, nonce: randomUUID() });
      request = { path: made.path, headers: { ...headers, ...made.headers } };
    } catch (error) {
      if (span) describeFault(span, error instanceof Error ? error.name : "Error");
      return { end: { kind: "unwritten", message: messageOfPreparation(error), ours: true } };
    }
    const exchanged = await exchange(dispatcher, url.origin, request, clock, untilMs);
    if (span) describeExchange(span, exchanged);
    if (exchanged.kind !== "answered") return { end: endOf(exchanged) };
    const read = await readEnd(exchanged.answer, signedWith, untilMs);
    const end = read.kind === "accepted" ? { ...read, waitMs: exchanged.waitMs } : read;
    if (span && end.kind === "refused" && exchanged.answer.status < 400) describeFault(span, end.refusal.code);
    return { end, body: exchanged.answer.body };
  };

  const readEnd = async (answer: HttpAnswer, signedWith: SignedWith, untilMs: number): Promise<CallEnd> => {
    const { accessKeyId, accessKeySecret, securityToken = "" } = signedWith.credentials;
    const { end, recovery } = readAnswer(answer, [accessKeyId, accessKeySecret, securityToken]);
    if (end.kind !== "refused" || recovery === "none") return end;
    const date = String(answer.headers["date"]);
    // A failed recovery is no error: the refusal stands, and is reported as it came.
    const recovered = await withDeadline(clock, untilMs, signing.recover(recovery, signedWith, date)).catch(
      () => false,
    );
    return { ...end, refusal: { ...end.refusal, reaction: { kind: "internal", recovered } } };
  };

  const begin = (operation: Operation, sentMs: number): Promise<Sent> => {
    const sent = send(operation, sentMs + timeoutMs)
      .catch((): Sent => ({ end: { kind: "lost", message: "The answer could not be read." } }))
      .finally(() => underWay.delete(sent));
    underWay.add(sent);
    return sent;
  };

  const readerOf = (shape: OperationShape): TaskReader => ({
    room: createRoom(url, maxUrlBytes, shape),
    async read(scope: Scope, deviceNames, sentMs): Promise<ReadEnd> {
      const { end, body = "" } = await begin(shape.of(scope, deviceNames), sentMs);
      if (end.kind !== "accepted") return end;
      return { ...end, list: readTaskList(body) };
    },
  });

  const deviceReaderOf = (shape: OperationShape, place: typeof DETAILS_PLACE): DeviceReader => ({
    room: createRoom(url, maxUrlBytes, shape),
    async read(scope: Scope, deviceNames, sentMs): Promise<DeviceReadEnd> {
      const { end, body = "" } = await begin(shape.of(scope, deviceNames), sentMs);
      if (end.kind !== "accepted") return end;
      return { ...end, found: readDeviceList(body, place, deviceNames) };
    },
  });

  return {
    room: createRoom(url, maxUrlBytes, CANCEL_BY_DEVICE),
    timeoutMs,
    cancelTasks: async ({ scope, deviceNames }, sentMs) =>
      (await begin(CANCEL_BY_DEVICE.of(scope, deviceNames), sentMs)).end,
    tasksOfJob: readerOf(TASKS_OF_JOB),
    unfinishedTasks: readerOf(UNFINISHED_TASKS),
    deviceDetails: deviceReaderOf(DEVICE_DETAILS, DETAILS_PLACE),
    deviceStates: deviceReaderOf(DEVICE_STATES, STATES_PLACE),
    jobs: createJobOperator(begin),
    roundTrip: () => roundTrip(dispatcher, url.origin, clock, clock.now() + timeoutMs),
    async close() {
      closed = true;
      await Promise.all(underWay);
      await dispatcher.destroy();
    },
  };
}

/** The trace context of the active span. Baggage is not passed on: it belongs to the callers. */
function contextHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(propagation.deleteBaggage(context.active()), headers);
  return headers;
}

const NOT_MADE = { kind: "unwritten", message: "The request could not be made.", ours: true } as const;

function unwritten(message: string): CallEnd {
  return { kind: "unwritten", message, ours: false };
}

function endOf(exchanged: Exclude<Exchange, { kind: "answered" }>): CallEnd {
  // undici refuses what no header or address can carry.
  if (exchanged.kind === "unwritten" && exchanged.fault === "UND_ERR_INVALID_ARG") return NOT_MADE;
  if (exchanged.kind === "unwritten") return unwritten(`No connection to the upstream (${exchanged.fault}).`);
  return { kind: "lost", message: `The request was sent, but no complete answer came (${exchanged.fault}).` };
}

function messageOfPreparation(error: unknown): string {
  if (error instanceof NoCredentials) return error.message;
  if (error instanceof DeadlineExceeded) return "The credentials did not arrive in time.";
  return NOT_MADE.message;
}
