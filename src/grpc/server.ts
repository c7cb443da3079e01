// The gRPC port: OtaService, health and reflection on one server, and its graceful end.
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { HealthService } from "../gen/grpc/health/v1/health.js";
import { ServerReflectionService } from "../gen/grpc/reflection/v1/reflection.js";
import { ServerReflectionService as ServerReflectionServiceV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection.js";
import { OtaServiceService } from "../gen/ota/v1/ota_service.js";
import { tolerant } from "./decoding.js";
import { Health } from "./health.js";
import { createOtaService, type OtaServiceOptions } from "./ota-service.js";
import { serverReflectionInfo } from "./reflection.js";
import { uncompressedOnly } from "./uncompressed.js";

// grpc-js writes plain lines between the JSON lines of the log, with whatever callers put into metadata
// that it does not like. What matters it throws as well.
if (!process.env["GRPC_VERBOSITY"] && !process.env["GRPC_NODE_VERBOSITY"]) setLogVerbosity(logVerbosity.NONE);

/**
 * Connections have to show that somebody is still there. Without it, Node 20 never closes one on which HTTP/2 was
 * broken (a header block that cannot be decoded is enough), not even when its client has gone: each holds a file
 * descriptor for ever. And callers that vanished without a word leave the queue.
 */
const PING_EVERY_MS = 5000;
const PING_WITHIN_MS = 15_000;

/** A listening server. */
export interface GrpcServer {
  readonly port: number;
  /** From now on health says NOT_SERVING, and streams are not read any more. */
  stopServing(): void;
  /** Ends when every rpc has been answered, or after `withinMs`, when what is left is cut off. */
  close(withinMs: number): Promise<void>;
}

/** Listens on `host:port`; port 0 takes a free one. */
export async function startGrpcServer(host: string, port: number, options: OtaServiceOptions): Promise<GrpcServer> {
  const server = new Server({
    "grpc.keepalive_time_ms": PING_EVERY_MS,
    "grpc.keepalive_timeout_ms": PING_WITHIN_MS,
    interceptors: [uncompressedOnly],
  });
  const health = new Health(["ota.v1.OtaService"]);
  const service = createOtaService(options);
  server.addService(tolerant(OtaServiceService), service.implementation);
  server.addService(tolerant(HealthService), health.service);
  server.addService(tolerant(ServerReflectionService), { serverReflectionInfo });
  server.addService(tolerant(ServerReflectionServiceV1Alpha), { serverReflectionInfo });
  const boundPort = await bind(server, host, port);
  return {
    port: boundPort,
    stopServing: () => {
      health.stopServing();
      service.drain();
    },
    close: (withinMs) => {
      health.endWatches();
      return shutDown(server, withinMs);
    },
  };
}

function bind(server: Server, host: string, port: number): Promise<number> {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, boundPort) =>
      error ? reject(error) : resolve(boundPort),
    );
  });
}

function shutDown(server: Server, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.forceShutdown(), withinMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
