// Asks the health service of the gateway on this machine, for a container that has no shell: exit 0 if
// it is SERVING, 1 otherwise. Speaks HTTP/2 itself, so that a probe does not load a gRPC library.
import { connect } from "node:http2";

const port = /:(\d+)$/.exec(process.env["OTA_LISTEN"] ?? "")?.[1] ?? "50051";
const EMPTY_MESSAGE = Buffer.alloc(5);
/** One message of two bytes: field 1, status, is 1, SERVING. */
const SERVING = Buffer.from([0, 0, 0, 0, 2, 0x08, 1]);

const session = connect(`http://127.0.0.1:${port}`);
const fail = () => process.exit(1);
session.on("error", fail);
setTimeout(fail, 2000).unref();

const request = session.request({
  ":method": "POST",
  ":path": "/grpc.health.v1.Health/Check",
  "content-type": "application/grpc",
  te: "trailers",
});
const chunks: Buffer[] = [];
request.on("error", fail);
request.on("data", (chunk: Buffer) => chunks.push(chunk));
request.on("end", () => process.exit(Buffer.concat(chunks).equals(SERVING) ? 0 : 1));
request.end(EMPTY_MESSAGE);
