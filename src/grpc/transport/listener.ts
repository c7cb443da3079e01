// Accepts connections, in plain text or by TLS, and checks client certificates. grpc-js sees no
// connection that has not been accepted, so a refused client learns nothing.
import { constants } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import type { TlsFiles, TlsPaths } from "../../config/tls-files.js";
import { nameOfCertificate } from "../../identity/certificate.js";
import { type Certificates, watchCertificates } from "./certificates.js";
import { Connections } from "./connections.js";
import { checkHandle } from "./grpc-js-internals.js";
import { HandshakePacer } from "./handshake-pacer.js";
import type { CountRefusal } from "./refusal-counts.js";

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly refused: CountRefusal;
  /** Without it, connections are in plain text. */
  readonly tls?: ListenerTls | undefined;
}

export interface ListenerTls {
  readonly paths: TlsPaths;
  /** With a client CA: whether a caller needs a certificate, or may prove its name otherwise. */
  readonly clientCertificates: "required" | "optional";
}

export interface Listener {
  readonly port: number;
  readonly connections: Connections;
  /** When its certificate ends, in ms since the epoch; undefined without TLS. */
  certificateEndsWallMs(): number | undefined;
  /** Looks for new certificates now. */
  reload(): void;
  /** Accepts no more connections; open ones go on. */
  close(): void;
}

const MOST_CONNECTIONS = 4096;

const HANDSHAKE_WITHIN_MS = 10_000;

/** Forward secrecy only: TLS 1.3 has no other ciphers, TLS 1.2 does. */
const CIPHERS = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** Resolves when the port is open. `take` gets every accepted connection. Throws TlsFilesError. */
export async function listen(take: (socket: Socket) => void, options: ListenerOptions): Promise<Listener> {
  const { host, port, clock, log, tls, refused } = options;
  const connections = new Connections({ clock, refused });
  let certificates: Certificates | undefined;
  const pacer = tls && paced(secure(tls));
  const server = createServer((socket) => {
    const connection = connections.acceptConnection(socket);
    if (!connection) return;
    if (pacer) pacer.add(socket, connection.address);
    else take(socket);
  });
  const close = () => {
    server.close();
    pacer?.close();
    certificates?.close();
    connections.close();
  };
  server.maxConnections = MOST_CONNECTIONS;
  server.on("drop", (dropped) => refused("too many in all", dropped?.remoteAddress ?? "unknown"));
  try {
    await bound(server, host, port);
    checkHandle(server);
    server.on("error", (error) => log.error({ err: error }, "the gRPC port could not accept a connection"));
  } catch (error) {
    close();
    throw error;
  }
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : port,
    connections,
    certificateEndsWallMs: () => certificates?.endsWallMs(),
    reload: () => certificates?.look(),
    close,
  };

  function paced(tlsServer: TlsServer): HandshakePacer {
    return new HandshakePacer({
      clock,
      begin: (socket) => void tlsServer.emit("connection", socket),
      refuse: (socket, reason) => connections.refuse(socket, reason),
    });
  }

  /** It does not listen itself: its connections come from the pacer. */
  function secure({ paths, clientCertificates }: ListenerTls): TlsServer {
    certificates = watchCertificates(paths, {
      clock,
      log,
      replace: (files) => tlsServer.setSecureContext(contextOf(files)),
    });
    const requestCert = certificates.files.ca !== undefined;
    const tlsServer = createTlsServer({
      ...contextOf(certificates.files),
      ALPNProtocols: ["h2"],
      handshakeTimeout: HANDSHAKE_WITHIN_MS,
      requestCert,
      // Checked below: that gives a reason, and allows callers that need no certificate.
      rejectUnauthorized: false,
    });
    tlsServer.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      connections.refuse(socket, error.code ?? "TLS handshake failed");
    });
    tlsServer.on("secureConnection", (socket) => {
      const refusal = refusalOf(socket, requestCert, clientCertificates === "required");
      if (refusal) connections.refuse(socket, refusal);
      else take(socket);
    });
    return tlsServer;
  }

  /** Why the connection is refused; undefined if it is accepted. */
  function refusalOf(socket: TLSSocket, requestCert: boolean, isRequired: boolean): string | undefined {
    if (socket.alpnProtocol !== "h2") return "client does not speak HTTP/2";
    if (!requestCert) return undefined;
    const certificate = socket.getPeerCertificate();
    if (!certificate?.raw) return isRequired ? "no client certificate" : undefined;
    if (!socket.authorized) return `client certificate: ${socket.authorizationError}`;
    const name = nameOfCertificate(certificate);
    const connection = connections.of(`${socket.remoteAddress}:${socket.remotePort}`);
    if (name === undefined || !connection) return "client certificate has no usable name";
    const endsWallMs = Date.parse(certificate.valid_to);
    return connections.nameConnection(connection, socket, name, endsWallMs)
      ? undefined
      : "too many with one certificate";
  }
}

function contextOf({ cert, key, ca }: TlsFiles) {
  return {
    cert,
    key,
    ...(ca !== undefined && { ca }),
    minVersion: "TLSv1.2" as const,
    ciphers: CIPHERS,
    // No session tickets: a resumed session would not present its certificate again, which may have
    // expired.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function bound(server: ReturnType<typeof createServer>, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
