// Callers over TLS: each asks for the quota on a connection of its own, with a certificate or
// without.
import { type ConnectionOptions, connect } from "node:tls";
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type GetQuotaResponse, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";
import type { Pair } from "./certificate-authority.js";

export interface TlsCaller {
  /** Rejects with grpc-js' ServiceError. */
  ask(headers?: Readonly<Record<string, string>>): Promise<GetQuotaResponse>;
  close(): void;
}

/** `trusted`: the authority that signed the gateway's certificate, in PEM. */
export function createTlsCaller(address: string, trusted: string, own?: Pair): TlsCaller {
  const ssl = own
    ? credentials.createSsl(Buffer.from(trusted), Buffer.from(own.key), Buffer.from(own.cert))
    : credentials.createSsl(Buffer.from(trusted));
  const stub = new OtaServiceClient(address, ssl, { "grpc.use_local_subchannel_pool": 1 });
  return {
    ask: (headers = {}) =>
      new Promise((resolve, reject) => {
        const metadata = new Metadata();
        for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
        stub.getQuota({ account: "" }, metadata, (error: ServiceError | null, quota) =>
          error ? reject(error) : resolve(quota),
        );
      }),
    close: () => stub.close(),
  };
}

export interface RawTls {
  /** Serial number of the gateway's certificate. */
  readonly serial: string;
  readonly protocol: string;
  /**
   * Everything that the gateway sent after the handshake, until it ended the connection or `forMs`
   * were over.
   */
  readonly received: Buffer;
}

/**
 * Opens a TLS connection and sends nothing. It closes after the handshake, or, if it stays, when
 * the server hangs up. Rejects if the handshake fails.
 */
export function touch(address: string, own: ConnectionOptions = {}, stays = false): Promise<RawTls> {
  const [host = "", port] = address.split(":");
  return new Promise((resolve, reject) => {
    const received: Buffer[] = [];
    const socket = connect({ host, port: Number(port), ALPNProtocols: ["h2"], rejectUnauthorized: false, ...own });
    socket.on("error", reject);
    socket.on("data", (bytes) => received.push(bytes));
    socket.on("secureConnect", () => {
      const { serialNumber: serial } = socket.getPeerCertificate();
      const protocol = socket.getProtocol() ?? "";
      socket.on("close", () => resolve({ serial, protocol, received: Buffer.concat(received) }));
      if (!stays) socket.destroy();
    });
  });
}
