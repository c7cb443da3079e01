// The gRPC port: OtaService, health and reflection on one server, what one connection may take of it, and its
// graceful end.
import { logVerbosity, Server, setLogVerbosity } from "@grpc/grpc-js";
import { HealthService } from "../gen/grpc/health/v1/health.js";
import { ServerReflectionService } from "../gen/grpc/reflection/v1/reflection.js";
import { ServerReflectionService as ServerReflectionServiceV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection.js";
import { OtaServiceService } from "../gen/ota/v1/ota_service.js";
import type { Authentication, RpcHead } from "./rpc/caller.js";
import { InFlightLimits } from "./rpc/in-flight.js";
import { Health } from "./service/health.js";
import { createOtaService, type OtaServiceOptions } from "./service/ota-service.js";
import { serverReflectionInfo } from "./service/reflection.js";
import { createConnectionAging } from "./transport/connection-age.js";
import { type Listener, type ListenerTls, listen } from "./transport/listener.js";
import { uncompressedOnly } from "./transport/no-compression.js";
import { watchRequestTimeouts } from "./transport/request-timeout.js";
import { tolerant } from "./wire/decoding.js";

// grpc-js writes plain lines between the JSON lines of the log, with whatever callers put into metadata
// that it does not like. What matters it throws as well.
if (!process.env["GRPC_VERBOSITY"] && !process.env["GRPC_NODE_VERBOSITY"]) setLogVerbosity(logVerbosity.NONE);

/** Two calls' worth and some: one connection can use the whole rate with requests of one device. */
const STREAMS_OF_A_CONNECTION = 512;

/**
 * Connections have to show that somebody is still there. Without it, Node 20 never closes one on which HTTP/2 was
 * broken (a header block that cannot be decoded is enough), not even when its client has gone: each holds a file
 * descriptor for ever. And callers that vanished without a word leave the queue.
 */
const PING_EVERY_MS = 10_000;
const PING_WITHIN_MS = 20_000; // gRPC's own default: a client that computes for some seconds is still there

/** The longest name that the upstream allows, as it is encoded: with its tag and its length. */
const DEVICE_NAME_BYTES = 34;

/** All that a request has beside its names. */
const OTHER_FIELDS_BYTES = 65_536;

/** Where to listen, how, and how callers prove who they are. */
export interface ServerOptions extends Omit<OtaServiceOptions, "inFlight" | "authentication"> {
  readonly tls?: ListenerTls | undefined;
  readonly bearer?: Authentication["bearer"];
}

/** A listening server. */
export interface GrpcServer {
  readonly port: number;
  /** When its certificate ends, in ms since the epoch; undefined without TLS. */
  certificateEndsWallMs(): number | undefined;
  /** Looks for new certificates now. */
  reload(): void;
  /** From now on health says NOT_SERVING, and streams are not read any more. */
  stopServing(): void;
  /** Ends when every rpc has been answered, or after `withinMs`, when what is left is cut off. */
  close(withinMs: number): Promise<void>;
}

/** Listens on `host:port`; port 0 takes a free one. */
export async function startGrpcServer(host: string, port: number, options: ServerOptions): Promise<GrpcServer> {
  const { clock, log, tls, bearer, maxDevices } = options;
  const requestTimeouts = watchRequestTimeouts(clock);
  const server = new Server({
    interceptors: [uncompressedOnly, requestTimeouts.interceptor],
    // Twice the largest request that is allowed: who has some devices too many is told so, and by how many.
    "grpc.max_receive_message_length": 2 * maxDevices * DEVICE_NAME_BYTES + OTHER_FIELDS_BYTES,
    "grpc.max_concurrent_streams": STREAMS_OF_A_CONNECTION,
    "grpc.keepalive_time_ms": PING_EVERY_MS,
    "grpc.keepalive_timeout_ms": PING_WITHIN_MS,
    "grpc.enable_channelz": 0, // nobody asks, and it counts every message
  });
  const connectionAging = createConnectionAging(server, clock);
  let listener: Listener;
  try {
    listener = await listen(connectionAging.take, { host, port, clock, log, tls });
  } catch (error) {
    requestTimeouts.close();
    await connectionAging.close(0);
    throw error;
  }
  const health = new Health(["ota.v1.OtaService"]);
  const connectionOf = (peer: string) => listener.connections.of(peer);
  const inFlight = new InFlightLimits({ clock, log, connectionOf });
  const certificate = tls?.paths.tlsClientCa ? (call: RpcHead) => connectionOf(call.getPeer())?.name : undefined;
  const authentication = certificate || bearer ? { certificate, bearer } : undefined;
  const service = createOtaService({ ...options, inFlight, authentication });
  server.addService(tolerant(OtaServiceService), service.implementation);
  server.addService(tolerant(HealthService), health.service);
  server.addService(tolerant(ServerReflectionService), { serverReflectionInfo });
  server.addService(tolerant(ServerReflectionServiceV1Alpha), { serverReflectionInfo });
  return {
    port: listener.port,
    certificateEndsWallMs: () => listener.certificateEndsWallMs(),
    reload: () => listener.reload(),
    stopServing: () => {
      health.stopServing();
      service.drain();
    },
    close: async (withinMs) => {
      health.endWatches();
      listener.close();
      await connectionAging.close(withinMs);
      requestTimeouts.close();
    },
  };
}
