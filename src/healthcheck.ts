// Checks whether the gateway on this machine can be called, for a container that has no shell.
// Exits with 0 if so; otherwise with 1, and a line that says why. Asks the gRPC health service, or
// the admin port's /readyz where gRPC wants a client certificate, since a probe has none. Speaks
// HTTP/2 itself, because loading a gRPC library would slow down every probe.
import { connect } from "node:http2";
import { hostPortAdvice, parseHostPort } from "./base/host-port.js";

const EMPTY_MESSAGE = Buffer.alloc(5);
/** One gRPC message of two bytes: field 1, status, is 1, SERVING. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

const {
  OTA_LISTEN: listen,
  OTA_ADMIN_LISTEN: adminListen,
  OTA_TLS_CERT: cert,
  OTA_TLS_CLIENT_CA: clientCa,
} = process.env;

const PATIENCE_S = 2;

const asked = clientCa?.trim()
  ? askedOf("OTA_ADMIN_LISTEN", adminListen, "127.0.0.1:9464", askAdmin)
  : askedOf("OTA_LISTEN", listen, "127.0.0.1:50051", askGrpc);
if (asked.address === "off")
  unhealthy("leaves nothing to ask, because the gRPC port wants a client certificate; set it to 127.0.0.1:9464");
if (!parseHostPort(asked.address)) unhealthy(`is not host:port: ${hostPortAdvice(asked.address, asked.usual)}`);
setTimeout(() => unhealthy(`did not answer within ${PATIENCE_S} s`), PATIENCE_S * 1000).unref();
asked.ask(asked.address);

function askedOf(variable: string, listen: string | undefined, usual: string, ask: (address: string) => void) {
  return { variable, address: reachable(listen, usual), usual, ask };
}

function unhealthy(why: string): never {
  process.stderr.write(`unhealthy: ${asked.address} (${asked.variable}) ${why}\n`);
  process.exit(1);
}

/** The errors of HTTP say only that it failed; the cause says why. */
function cannotBeAsked({ message, cause }: Error): never {
  unhealthy(`cannot be asked: ${cause instanceof Error ? cause.message : message}`);
}

function askGrpc(address: string): void {
  const scheme = cert?.trim() ? "https" : "http";
  // Any certificate will do: this only asks for a sign of life, and sends nothing secret.
  const session = connect(`${scheme}://${address}`, { rejectUnauthorized: false });
  const request = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const chunks: Buffer[] = [];
  session.on("error", cannotBeAsked);
  request.on("error", cannotBeAsked);
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (Buffer.concat(chunks).equals(SERVING)) process.exit(0);
    unhealthy("does not report SERVING");
  });
  request.end(EMPTY_MESSAGE);
}

function askAdmin(address: string): void {
  fetch(`http://${address}/readyz`).then(
    ({ ok, status }) => (ok ? process.exit(0) : unhealthy(`answered ${status} at /readyz`)),
    cannotBeAsked,
  );
}

/** The address at which this machine reaches a listener. */
function reachable(address: string | undefined, fallback: string): string {
  return (address?.trim() || fallback).replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}
