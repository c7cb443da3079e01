// Reads all private fields of grpc-js and Node that the gRPC port depends on. A release that
// renames one must not silently drop a bound, so the port refuses to start unless each is found.
// docs/maintaining.md lists them.
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { createRequire } from "node:module";
import type { Server as NetServer, Socket } from "node:net";
import { type ConnectionInjector, type Server, ServerCredentials } from "@grpc/grpc-js";

/** The versions that the tests have passed on. */
const TESTED = "@grpc/grpc-js 1.14.7 on Node 24";

/** Bounds on the headers of one stream, which HTTP/2 enforces while they arrive. */
export interface HeaderBounds {
  readonly maxHeaderListPairs: number;
  /** With 32 bytes more for each header. Before it is acknowledged, clients may send 64 KB. */
  readonly maxHeaderListSize: number;
}

/** The listener of grpc-js for new streams. */
export type StreamHandler = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

interface Http2Options {
  maxHeaderListPairs?: number;
  settings?: { maxConcurrentStreams?: number; maxHeaderListSize?: number };
}

/** The part of http2.Http2Server that is needed here. */
interface StreamEmitter {
  listeners(event: "stream"): unknown[];
  removeAllListeners(event: "stream"): unknown;
  on(event: "stream", listener: StreamHandler): unknown;
}

/** Sets the bounds of every HTTP/2 server that grpc-js makes from now on. */
export function boundHeaders(server: Server, { maxHeaderListPairs, maxHeaderListSize }: HeaderBounds): void {
  const options = (server as unknown as { commonServerOptions?: Http2Options }).commonServerOptions;
  if (!options?.settings?.maxConcurrentStreams) throw unknown("Server.commonServerOptions.settings");
  options.maxHeaderListPairs = maxHeaderListPairs;
  options.settings.maxHeaderListSize = maxHeaderListSize;
}

/** Makes an injector whose streams go to `guard`, which passes the admitted ones to `handle`. */
export function guardedInjector(
  server: Server,
  guard: (handle: StreamHandler, ...arrived: Parameters<StreamHandler>) => void,
): ConnectionInjector {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const servers = (server as unknown as { http2Servers?: ReadonlyMap<StreamEmitter, unknown> }).http2Servers;
  const http2Server: StreamEmitter | undefined = servers instanceof Map ? [...servers.keys()].at(-1) : undefined;
  const [handle, ...others] = http2Server?.listeners("stream") ?? [];
  if (!http2Server || typeof handle !== "function" || others.length > 0) {
    injector.destroy();
    throw unknown("Server.http2Servers and their listener for streams");
  }
  http2Server.removeAllListeners("stream");
  http2Server.on("stream", (...arrived) => guard(handle as StreamHandler, ...arrived));
  return injector;
}

/** Throws unless reading can be paused. Under HTTP/2 Node has no public way to do that. */
export function checkHandle(server: NetServer): void {
  const handle = (server as { readonly _handle?: Partial<ReadHandle> | null })._handle;
  if (typeof handle?.readStop !== "function" || typeof handle.readStart !== "function") {
    throw unknown("net.Socket._handle.readStop");
  }
}

interface ReadHandle {
  readStop(): unknown;
  readStart(): unknown;
}

/** Undefined once the socket is closed. */
export function readHandleOf(socket: Socket): ReadHandle | undefined {
  return (socket as { readonly _handle?: ReadHandle | null })._handle ?? undefined;
}

function unknown(field: string): Error {
  const { version } = createRequire(import.meta.url)("@grpc/grpc-js/package.json") as { version: string };
  return new Error(
    `@grpc/grpc-js ${version} on Node ${process.versions.node} has no ${field}, which the gateway needs to bound what ` +
      `callers may hold; it was tested with ${TESTED}: use that version, or see docs/maintaining.md`,
  );
}
