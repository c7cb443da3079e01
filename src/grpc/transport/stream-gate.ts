// What every stream passes before grpc-js sees it, whatever it asks for: its headers are bounded, it is counted, and it
// is known who calls, as far as that takes no time. From then on its messages have to arrive in time and in bounds.
// Invariant: nothing of a stream that is refused is kept, and it is closed even if its client does not end it.
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { Metadata, type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { GatewayError } from "../../gateway/errors.js";
import type { Identity, IdentityCheck } from "../../identity/identity.js";
import type { Metrics } from "../../observe/telemetry/metrics.js";
import { BOUNDS, MOST_HEADER_BYTES, SMALL_MESSAGE_BYTES } from "../budget.js";
import { type WireError, wireErrorOf } from "../wire/status.js";
import { type Authentication, identify } from "./caller.js";
import type { Connection } from "./connections.js";
import type { StreamHandler } from "./grpc-js-internals.js";
import { GuardedStream, type StreamRules } from "./guarded-stream.js";
import { type OpenStream, OpenStreams } from "./open-streams.js";
import type { RefusalPacer } from "./refusal-pacer.js";
import type { CountRefusal } from "./refusals.js";

export interface StreamGateOptions {
  readonly clock: Clock;
  readonly pace: RefusalPacer;
  readonly refused: CountRefusal;
  /** By `address:port`. */
  readonly connectionOf: (peer: string) => Connection | undefined;
  /** Undefined if nobody has to prove who they are. */
  readonly authentication?: Authentication | undefined;
  /** The longest message of OtaService. */
  readonly mostMessageBytes: number;
  /** Told of every rpc that has been answered. */
  readonly rpcEnded?: Metrics["rpcEnded"] | undefined;
}

/** By which a handler finds the stream of its call. Nothing that a client writes there gets through. */
const STREAM_HEADER = "x-ota-stream-of-gateway";

const SWEEP_EVERY_MS = 1000;

const PLACES = BOUNDS.gateway.streams;

/** How connections are counted whose callers are not known. */
const UNAUTHENTICATED = "";

const HEALTH_WATCH = "/grpc.health.v1.Health/Watch";
const OTA_METHODS = /^\/ota\.v1\.OtaService\/((Stream)?CancelTasksByDevice|GetQuota)$/;
const STREAM_OF_CANCELS = "/ota.v1.OtaService/StreamCancelTasksByDevice";
const REFLECTION = /^\/grpc\.reflection\.[^/]*\.ServerReflection\//;

export class StreamGate {
  readonly #options: StreamGateOptions;
  readonly #counts = new OpenStreams();
  /** By place, of which each stream has one. In a Map its table would be made anew all the time: see ADR 21. */
  readonly #streams: (GuardedStream | undefined)[] = new Array(PLACES).fill(undefined);
  readonly #freePlaces = Array.from({ length: PLACES }, (_, place) => place);
  readonly #connections = new WeakMap<ServerHttp2Session, Connection>();
  #arrived = 0;
  /** The stream that grpc-js is being given. */
  #entering: GuardedStream | undefined;
  #disarm = () => {};

  constructor(options: StreamGateOptions) {
    this.#options = options;
    this.#arm();
  }

  /** Of the call with this metadata; undefined if it has gone. */
  of(metadata: Metadata): GuardedStream | undefined {
    const [id] = metadata.get(STREAM_HEADER);
    const stream = this.#streams[Number(id) % PLACES];
    return stream?.id === Number(id) ? stream : undefined; // another may have its place now
  }

  /** Lets a stream in to `handle`, or refuses it. */
  readonly guard = (
    handle: StreamHandler,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
  ): void => {
    stream.on("error", () => {}); // it has a close of its own
    const connection = this.#connectionOf(stream.session as ServerHttp2Session | undefined);
    if (!connection) {
      stream.close();
      return;
    }
    const guarded = this.#admit(stream, headers, connection);
    if (!guarded) return;
    const place = this.#freePlaces.pop() as number; // as many as streams are let in
    guarded.id = this.#arrived++ * PLACES + place;
    headers[STREAM_HEADER] = String(guarded.id);
    this.#streams[place] = guarded;
    stream.on("close", () => {
      this.#streams[place] = undefined;
      this.#freePlaces.push(place);
      guarded.close();
    });
    this.#entering = guarded;
    handle(stream, headers, flags);
    this.#entering = undefined;
    // After those of grpc-js, or it would begin to flow before it is read.
    stream.prependListener("data", (bytes: Buffer) => guarded.read(bytes));
  };

  /** Shows the gate the calls of its streams, and changes nothing about them. */
  readonly interceptor: ServerInterceptor = (_method, call) => {
    this.#entering?.serve(call);
    return call as ServerInterceptingCall;
  };

  close(): void {
    this.#disarm();
  }

  #admit(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Connection): GuardedStream | undefined {
    const { authentication } = this.#options;
    const path = String(headers[":path"]);
    const bytes = bytesOf(headers);
    if (bytes > MOST_HEADER_BYTES) {
      connection.asked(UNAUTHENTICATED);
      if (connection.offended()) {
        stream.session?.destroy(); // or what has been read of it already would still come, stream by stream
        this.#options.refused("headers too large, again and again", connection.address);
        return undefined;
      }
      this.#refuse(stream, connection, path, "headers too large", headersTooLarge(bytes));
      return undefined;
    }
    if (headers["grpc-encoding"] !== undefined && headers["grpc-encoding"] !== "identity") {
      connection.asked(UNAUTHENTICATED);
      this.#refuse(stream, connection, path, "compressed", COMPRESSED);
      return undefined;
    }
    const found = identify(callingOf(headers, connection), authentication);
    const caller = typeof found === "string" ? found : undefined;
    connection.asked(caller ?? UNAUTHENTICATED);
    const { address } = connection;
    let counted: OpenStream | undefined;
    try {
      // A token that is not known yet is counted apart, or it would compete with callers that have none.
      counted = this.#counts.rpc({
        connection,
        address,
        caller: typeof found === "function" ? VERIFYING : caller,
        kind: path === HEALTH_WATCH ? "watch" : REFLECTION.test(path) ? "reflection" : "rpc",
      });
      counted.hold(bytes);
      return this.#guarded(stream, counted, path, headers, connection, found);
    } catch (error) {
      counted?.close();
      if (!(error instanceof GatewayError)) throw error;
      this.#refuse(stream, connection, path, `too many: ${subjectOf(error)}`, wireErrorOf(error));
      return undefined;
    }
  }

  #guarded(
    stream: ServerHttp2Stream,
    counted: OpenStream,
    path: string,
    headers: IncomingHttpHeaders,
    connection: Connection,
    found: Identity | IdentityCheck,
  ): GuardedStream {
    const { clock, refused, authentication, mostMessageBytes } = this.#options;
    const proving = typeof found === "function" ? found() : undefined;
    const guarded = new GuardedStream(stream, counted, rulesOf(path, mostMessageBytes), {
      clock,
      refused,
      identity: proving ? () => proving : found,
      identifyAgain: () => identify(callingOf(headers, connection), authentication),
    });
    void proving?.then((known) => guarded.prove(typeof known === "string" ? known : undefined));
    return guarded;
  }

  /** Soon: a flood that is told at once is back at once. */
  #refuse(stream: ServerHttp2Stream, { address }: Connection, path: string, reason: string, error: WireError): void {
    const { clock, refused, rpcEnded } = this.#options;
    const startedMs = clock.now();
    refused(reason, address);
    this.#options.pace.schedule(() => {
      if (stream.destroyed || stream.closed) return false;
      stream.respond(trailersOf(error), { endStream: true });
      stream.close();
      if (OTA_METHODS.test(path)) rpcEnded?.(path.slice(1), status[error.code], false, clock.now() - startedMs);
      return true;
    });
  }

  #connectionOf(session: ServerHttp2Session | undefined): Connection | undefined {
    if (!session || session.destroyed) return undefined;
    const known = this.#connections.get(session);
    if (known) return known;
    const { remoteAddress, remotePort } = session.socket;
    const connection = this.#options.connectionOf(`${remoteAddress}:${remotePort}`);
    if (connection) this.#connections.set(session, connection);
    return connection;
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#disarm = clock.at(clock.now() + SWEEP_EVERY_MS, () => {
      for (const stream of this.#streams) stream?.check();
      this.#arm();
    });
  }
}

/** The caller of all streams whose tokens are being verified: no name looks like this. */
const VERIFYING = " verifying";

const COMPRESSED: WireError = {
  // The status that gRPC has for an encoding that a server does not know. grpc-js unpacks every message as soon as it
  // is there: four kilobytes became four megabytes, and some hundred streams of one client more than a gigabyte.
  code: status.UNIMPLEMENTED,
  details: "compressed requests are not accepted",
  metadata: new Metadata(),
};

function headersTooLarge(bytes: number): WireError {
  const violations = [{ field: "metadata", description: `has ${bytes} bytes, no more than ${MOST_HEADER_BYTES}` }];
  return wireErrorOf(new GatewayError({ kind: "invalid", message: "invalid request", violations }));
}

function subjectOf({ failure }: GatewayError): string {
  return failure.kind === "overloaded" ? failure.subject : failure.kind;
}

/** Without a list, which Node makes only of set-cookie. */
function bytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + String(headers[name]).length;
  return bytes;
}

function callingOf(headers: IncomingHttpHeaders, connection: Connection) {
  const get = (name: string) => {
    const value = headers[name];
    return value === undefined ? [] : [String(value)];
  };
  return { metadata: { get }, connection };
}

function rulesOf(path: string, mostMessageBytes: number): StreamRules {
  const mostBytes = path.startsWith("/ota.v1.") ? mostMessageBytes : SMALL_MESSAGE_BYTES;
  if (path === STREAM_OF_CANCELS) return { mostBytes, isStream: true };
  if (REFLECTION.test(path)) return { mostBytes, isStream: true, mostAgeMs: REFLECTION_AGE_MS };
  return { mostBytes, isStream: false, ...(path === HEALTH_WATCH && { mostAgeMs: WATCH_AGE_MS }) };
}

/** Longer than a connection is used: its client is to see new replicas, and watches on them. */
const WATCH_AGE_MS = 40 * 60_000;

/** Questions and answers take milliseconds. */
const REFLECTION_AGE_MS = 30_000;

/** An answer that is a status and nothing else. */
function trailersOf({ code, details, metadata }: WireError) {
  return {
    ":status": 200,
    "content-type": "application/grpc+proto",
    "grpc-accept-encoding": "identity",
    "grpc-status": code,
    "grpc-message": encodeURI(details),
    ...metadata.toHttp2Headers(),
  };
}
