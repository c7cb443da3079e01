// The gRPC port: puts OtaService, health and reflection on one server behind our own listener, and
// ends it gracefully.
import { logVerbosity, Server, type ServerDuplexStream, setLogVerbosity } from "@grpc/grpc-js";
import { OperationsService as LongRunningService } from "../gen/google/longrunning/operations.js";
import { HealthService } from "../gen/grpc/health/v1/health.js";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from "../gen/grpc/reflection/v1/reflection.js";
import { ServerReflectionService as ServerReflectionServiceV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection.js";
import { OtaServiceService } from "../gen/ota/v1/ota_service.js";
import { BOUNDS, MOST_HEADER_BYTES, MOST_SUBMISSION_BYTES } from "./resource-bounds.js";
import { CallerScheduler } from "./rpc/caller-scheduler.js";
import { Health } from "./service/health.js";
import { createOperationsService, type OperationsServiceOptions } from "./service/operations-service.js";
import { createOtaService, type OtaServiceOptions } from "./service/ota-service.js";
import type { Authentication, RpcHead } from "./transport/caller.js";
import { createConnectionAging } from "./transport/connection-age.js";
import { boundHeaders, guardedInjector } from "./transport/grpc-js-internals.js";
import { type Listener, type ListenerTls, listen } from "./transport/listener.js";
import { type CountRefusal, Refusals } from "./transport/refusal-counts.js";
import { RefusalPacer } from "./transport/refusal-pacer.js";
import { StreamGate } from "./transport/stream-gate.js";
import { tolerant } from "./wire/decoding.js";

// grpc-js writes plain lines between the JSON lines of the log, and quotes metadata of callers in
// them. It also throws whatever matters.
if (!process.env["GRPC_VERBOSITY"] && !process.env["GRPC_NODE_VERBOSITY"]) setLogVerbosity(logVerbosity.NONE);

/**
 * Enforced while headers arrive, once the client has acknowledged it; the gate bounds the rest.
 * HTTP/2 counts 32 bytes more for each header.
 */
const HEADERS = { maxHeaderListPairs: 64, maxHeaderListSize: MOST_HEADER_BYTES + 64 * 32 };

/**
 * Clients have to answer pings. Otherwise a connection with broken HTTP/2 (a header block that
 * cannot be decoded is enough) could keep its file descriptor forever, and callers that vanished
 * silently would stay in the queue.
 */
const PING_EVERY_MS = 10_000;
const PING_WITHIN_MS = 20_000; // gRPC's own default: a client may be busy for some seconds

/** The longest name that the upstream allows, encoded with its tag and its length. */
const DEVICE_NAME_BYTES = 34;

/** All other fields of a request. */
const OTHER_FIELDS_BYTES = 65_536;

/** How to listen, and how callers prove who they are. */
export interface ServerOptions
  extends Omit<OtaServiceOptions, "callerScheduler" | "authentication" | "ofOperations">,
    Pick<OperationsServiceOptions, "operations" | "audit"> {
  readonly tls?: ListenerTls | undefined;
  readonly bearer?: Authentication["bearer"];
  /** Called for each refusal, with one of a bounded number of addresses. */
  readonly refused?: CountRefusal | undefined;
}

/** A listening server. */
export interface GrpcServer {
  readonly port: number;
  /** When the certificate expires, in ms since the epoch; undefined without TLS. */
  certificateEndsWallMs(): number | undefined;
  /** Callers with a stream that has not been read to its end. */
  streamingCallers(): ReadonlySet<string>;
  /** Looks for new TLS files now. */
  reload(): void;
  /** From now on health reports NOT_SERVING, and streams are not read any more. */
  stopServing(): void;
  /** Resolves when every rpc has been answered, or after `withinMs`, when the rest is cut off. */
  close(withinMs: number): Promise<void>;
}

/** Listens on `host:port`; port 0 takes a free one. */
export async function startGrpcServer(host: string, port: number, options: ServerOptions): Promise<GrpcServer> {
  const { clock, log, tls, bearer, maxDevices } = options;
  // Twice the largest valid request: a caller with a few devices too many gets an error that says
  // how many.
  const mostMessageBytes = 2 * maxDevices * DEVICE_NAME_BYTES + OTHER_FIELDS_BYTES;
  const refusals = new Refusals({ clock, log, counted: options.refused });
  const refused = refusals.count;
  const connectionOf = (peer: string) => listener.connections.of(peer);
  const certificate = tls?.paths.tlsClientCa
    ? ({ connection }: RpcHead) => connection?.nameAt(clock.wallNow())
    : undefined;
  const authentication = certificate || bearer ? { certificate, bearer } : undefined;
  const pace = new RefusalPacer(clock);
  const { rpcEnded } = options;
  const gate = new StreamGate({ clock, pace, refused, connectionOf, authentication, mostMessageBytes, rpcEnded });
  const server = new Server({
    interceptors: [gate.interceptor],
    "grpc.max_receive_message_length": Math.max(mostMessageBytes, MOST_SUBMISSION_BYTES),
    "grpc.max_concurrent_streams": BOUNDS.connection.streams,
    "grpc.keepalive_time_ms": PING_EVERY_MS,
    "grpc.keepalive_timeout_ms": PING_WITHIN_MS,
    "grpc.enable_channelz": 0, // it counts every message, for nobody
  });
  const connectionAging = createConnectionAging(() => guardedInjector(server, gate.guard), clock);
  let listener: Listener;
  try {
    boundHeaders(server, HEADERS);
    guardedInjector(server, gate.guard).destroy(); // to throw here, if at all, and not at the first connection
    listener = await listen(connectionAging.take, { host, port, clock, log, tls, refused });
  } catch (error) {
    gate.close();
    refusals.close();
    await connectionAging.close(0);
    throw error;
  }
  const health = new Health(["ota.v1.OtaService"]);
  const callerScheduler = new CallerScheduler({ now: () => clock.now(), defer: setImmediate });
  const rpcOptions = { ...options, callerScheduler, authentication };
  const operations = createOperationsService({ ...rpcOptions, accounts: new Set(options.gateways.keys()) });
  const service = createOtaService({ ...rpcOptions, ofOperations: operations.ofOtaService });
  server.addService(tolerant(OtaServiceService), service.implementation);
  server.addService(tolerant(LongRunningService), operations.operations);
  server.addService(tolerant(HealthService), health.service);
  server.addService(tolerant(ServerReflectionService), { serverReflectionInfo });
  server.addService(tolerant(ServerReflectionServiceV1Alpha), { serverReflectionInfo });
  return {
    port: listener.port,
    certificateEndsWallMs: () => listener.certificateEndsWallMs(),
    streamingCallers: () => service.streamingCallers(),
    reload: () => listener.reload(),
    stopServing: () => {
      health.stopServing();
      service.drain();
    },
    close: async (withinMs) => {
      health.endWatches();
      listener.close();
      await connectionAging.close(withinMs);
      gate.close();
      refusals.close();
    },
  };
}

/** Loaded when a client asks: decoding the descriptors would be a good part of every start. */
function serverReflectionInfo(call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>): void {
  import("./service/reflection.js").then(
    (reflection) => reflection.serverReflectionInfo(call),
    (error: Error) => void call.emit("error", error),
  );
}
