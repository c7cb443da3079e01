// Every stream, whatever its method, passes here before grpc-js sees it: its headers are bounded,
// its caller is identified as far as that takes no time, and it is counted. From then on a
// GuardedStream watches it.
// Invariant: nothing of a refused stream is kept, and it is closed even if its client does not end
// it.
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { type ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";
import { type Clock, every } from "../../base/clock.js";
import { GatewayError, invalid } from "../../gateway/failures.js";
import type { Identity } from "../../identity/identity.js";
import type { Metrics } from "../../observe/telemetry/metrics.js";
import { MOST_HEADER_BYTES } from "../resource-bounds.js";
import { finalError, trailersOf, type WireError, wireErrorOf } from "../wire/status.js";
import { type Authentication, identify, UNAUTHENTICATED } from "./caller.js";
import type { Connection } from "./connections.js";
import type { StreamHandler } from "./grpc-js-internals.js";
import { TIMEOUT_RULE, timeoutMsOf } from "./grpc-timeout.js";
import { type Entrance, GuardedStream } from "./guarded-stream.js";
import { MethodRules, ourMethodOf } from "./method-rules.js";
import { type OpenStream, OpenStreams } from "./open-streams.js";
import type { CountRefusal } from "./refusal-counts.js";
import type { RefusalPacer } from "./refusal-pacer.js";
import { StreamHead } from "./stream-head.js";
import { linkStream } from "./stream-of-call.js";
import { StreamTable } from "./stream-table.js";

export interface StreamGateOptions {
  readonly clock: Clock;
  readonly pace: RefusalPacer;
  readonly refused: CountRefusal;
  /** By `address:port`. */
  readonly connectionOf: (peer: string) => Connection | undefined;
  /** Undefined if callers need no credentials. */
  readonly authentication?: Authentication | undefined;
  /** The longest message of OtaService. */
  readonly mostMessageBytes: number;
  /** Called for every rpc that has been answered. */
  readonly rpcEnded?: Metrics["rpcEnded"] | undefined;
}

const SWEEP_EVERY_MS = 1000;

export class StreamGate {
  readonly #options: StreamGateOptions;
  readonly #counts = new OpenStreams();
  readonly #streams = new StreamTable();
  readonly #rules: MethodRules;
  readonly #connections = new WeakMap<ServerHttp2Session, Connection>();
  /** The stream that grpc-js is being given right now. */
  #entering: GuardedStream | undefined;
  readonly #disarm: () => void;

  constructor(options: StreamGateOptions) {
    this.#options = options;
    this.#rules = new MethodRules(options.mostMessageBytes);
    this.#disarm = every(options.clock, SWEEP_EVERY_MS, () => this.#streams.checkAll(options.clock.now()));
  }

  /** Passes a stream to `handle`, or refuses it. */
  readonly guard = (
    handle: StreamHandler,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    flags: number,
    rawHeaders: readonly string[],
  ): void => {
    stream.on("error", ignore); // a close follows
    const connection = this.#connectionOf(stream.session as ServerHttp2Session | undefined);
    if (!connection) {
      stream.close();
      return;
    }
    const guarded = this.#admitStream(stream, headers, rawHeaders, connection);
    if (!guarded) return;
    this.#streams.add(guarded);
    stream.on("close", () => {
      this.#streams.remove(guarded);
      guarded.close();
    });
    this.#entering = guarded;
    handle(stream, headersForGrpcJs(headers), flags, rawHeaders);
    this.#entering = undefined;
    // Added after the listeners of grpc-js: a listener for data starts the flow.
    stream.prependListener("data", (bytes: Buffer) => guarded.read(bytes));
  };

  /** Shows the gate which call serves a stream, and links the two. */
  readonly interceptor: ServerInterceptor = (_method, call) => {
    if (this.#entering) {
      this.#entering.serve(call);
      linkStream(call, this.#entering);
    }
    return call as ServerInterceptingCall;
  };

  close(): void {
    this.#disarm();
  }

  #admitStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    connection: Connection,
  ): GuardedStream | undefined {
    const path = String(headers[":path"]);
    const bytes = bytesOf(rawHeaders);
    if (bytes > MOST_HEADER_BYTES) {
      connection.asked(UNAUTHENTICATED);
      if (connection.offended()) {
        stream.session?.destroy(); // or the streams that have been read already would still come, one by one
        this.#options.refused("headers too large, again and again", connection.address);
        return undefined;
      }
      this.#refuseStream(stream, connection, path, "headers too large", headersTooLarge(bytes));
      return undefined;
    }
    if (headers["grpc-encoding"] !== undefined && headers["grpc-encoding"] !== "identity") {
      connection.asked(UNAUTHENTICATED);
      this.#refuseStream(stream, connection, path, "compressed", COMPRESSED);
      return undefined;
    }
    const timeoutMs = timeoutMsOf(headers["grpc-timeout"]);
    if (timeoutMs === undefined) {
      connection.asked(UNAUTHENTICATED);
      this.#refuseStream(stream, connection, path, "no valid timeout", BAD_TIMEOUT);
      return undefined;
    }
    return this.#countStream(stream, headers, connection, { path, bytes, timeoutMs });
  }

  #countStream(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    connection: Connection,
    { path, bytes, timeoutMs }: { readonly path: string; readonly bytes: number; readonly timeoutMs: number },
  ): GuardedStream | undefined {
    const head = new StreamHead(headers, connection);
    const found = identify(head, this.#options.authentication);
    connection.asked(found.kind === "caller" ? found.name : UNAUTHENTICATED);
    const rules = this.#rules.of(path);
    let counted: OpenStream | undefined;
    try {
      counted = this.#counts.openStream({
        connection,
        address: connection.address,
        caller: found.kind === "stranger" ? undefined : found.kind === "pending" ? VERIFYING : found.name,
        kind: rules.kind,
      });
      counted.hold(bytes);
    } catch (error) {
      counted?.close();
      if (!(error instanceof GatewayError)) throw error;
      const wire = wireErrorOf(error, timeoutMs);
      this.#refuseStream(stream, connection, path, `too many: ${subjectOf(error)}`, wire);
      return undefined;
    }
    const entrance = { head, counted, rules, timeoutMs, identity: found };
    if (found.kind === "pending") return this.#proveStream(stream, entrance, found.verify());
    return new GuardedStream(stream, entrance, this.#options);
  }

  #proveStream(
    stream: ServerHttp2Stream,
    entrance: Omit<Entrance, "identity">,
    proving: Promise<Identity>,
  ): GuardedStream {
    const identity = { kind: "pending" as const, verify: () => proving };
    const guarded = new GuardedStream(stream, { ...entrance, identity }, this.#options);
    void proving.then((proven) => guarded.prove(proven));
    return guarded;
  }

  /** Answers with a paced refusal: a flood that is refused at once is back at once. */
  #refuseStream(
    stream: ServerHttp2Stream,
    { address }: Connection,
    path: string,
    reason: string,
    error: WireError,
  ): void {
    const { clock, refused, rpcEnded } = this.#options;
    const startedMs = clock.now();
    refused(reason, address);
    this.#options.pace.schedule(() => {
      if (stream.destroyed || stream.closed) return false;
      stream.respond(trailersOf(error), { endStream: true });
      setImmediate(() => stream.close()); // at once, Node 26 resets the stream before the answer
      const method = ourMethodOf(path);
      if (method) rpcEnded?.(method, status[error.code], false, clock.now() - startedMs);
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
}

/** The caller of all unverified tokens, apart from strangers. No name looks like this. */
const VERIFYING = " verifying";

/**
 * gRPC's status for an encoding that a server does not know. grpc-js unpacks every message as soon
 * as it is there: four kilobytes became four megabytes, and a few hundred streams of one client
 * more than a gigabyte.
 */
const COMPRESSED = finalError(status.UNIMPLEMENTED, "compressed requests are not accepted; turn compression off");

const BAD_TIMEOUT = wireErrorOf(invalid("grpc-timeout", TIMEOUT_RULE));

function headersTooLarge(bytes: number): WireError {
  return wireErrorOf(invalid("metadata", `has ${bytes} bytes, at most ${MOST_HEADER_BYTES} are allowed`));
}

function subjectOf({ failure }: GatewayError): string {
  return failure.kind === "overloaded" ? failure.subject : failure.kind;
}

/** The size of names and values, from the list of both: the object is slow to walk. */
function bytesOf(rawHeaders: readonly string[]): number {
  let bytes = 0;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function ignore(): void {}

/**
 * The headers that grpc-js goes by. It would check, copy and keep all others too, and set a timer
 * for `grpc-timeout`; our handlers read them from the stream's head.
 */
function headersForGrpcJs(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return { ":path": headers[":path"], "content-type": headers["content-type"] };
}
