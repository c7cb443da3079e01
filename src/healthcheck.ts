// Asks whether the gateway on this machine can be called, for a container that has no shell: exit 0 if so, 1
// otherwise. Asks the gRPC health service; where that wants a client certificate, which a probe has none of, the
// admin port's /readyz. Speaks HTTP/2 itself, so that a probe does not load a gRPC library.
import { connect } from "node:http2";

const EMPTY_MESSAGE = Buffer.alloc(5);
/** One message of two bytes: field 1, status, is 1, SERVING. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

const {
  OTA_LISTEN: listen,
  OTA_ADMIN_LISTEN: adminListen,
  OTA_TLS_CERT: cert,
  OTA_TLS_CLIENT_CA: clientCa,
} = process.env;

setTimeout(() => process.exit(1), 2000).unref();
if (clientCa?.trim()) askAdmin();
else askGrpc();

function askGrpc(): void {
  const scheme = cert?.trim() ? "https" : "http";
  // Whatever certificate it has: we ask whether it lives, and tell it nothing.
  const session = connect(`${scheme}://${reachable(listen, "127.0.0.1:50051")}`, { rejectUnauthorized: false });
  const request = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const fail = () => process.exit(1);
  const chunks: Buffer[] = [];
  session.on("error", fail);
  request.on("error", fail);
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => process.exit(Buffer.concat(chunks).equals(SERVING) ? 0 : 1));
  request.end(EMPTY_MESSAGE);
}

function askAdmin(): void {
  fetch(`http://${reachable(adminListen, "127.0.0.1:9464")}/readyz`).then(
    ({ ok }) => process.exit(ok ? 0 : 1),
    () => process.exit(1),
  );
}

/** Where to find what listens on that address, from this machine. */
function reachable(address: string | undefined, fallback: string): string {
  return (address?.trim() || fallback).replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}
