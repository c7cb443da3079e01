// Valid HTTP/2 with broken gRPC in it, and what each may be answered with.
import { gzipSync } from "node:zlib";
import { framed, type RawRpc } from "./raw-rpcs.js";

/** An rpc, of GetQuota if it names no other method, and what it may be answered with. */
export interface BrokenRpc extends Omit<RawRpc, "method"> {
  readonly method?: string;
  readonly status?: readonly number[];
  /** Where it does not come to gRPC. */
  readonly httpStatus?: number;
}

const STREAM = "ota.v1.OtaService/StreamCancelTasksByDevice";

const OK = 0;
const INVALID = 3;
const EXHAUSTED = 8;
const UNIMPLEMENTED = 12;

const EMPTY = framed(Buffer.alloc(0));
const COMPRESSED = framed(Buffer.alloc(9, 7), { isCompressed: true });
const LONGEST = 4 * 1024 * 1024;

/** Four kilobytes each on the wire, and as much as a message may have when it is unpacked. */
const BOMB = framed(gzipSync(Buffer.alloc(LONGEST - 10)), { isCompressed: true });
const BOMBS = Buffer.concat(Array.from({ length: 100 }, () => BOMB));

const gzip = { "grpc-encoding": "gzip" };

export const BROKEN_RPCS: Readonly<Record<string, BrokenRpc>> = {
  "no content type": { body: EMPTY, headers: { "content-type": undefined }, httpStatus: 415 },
  "another content type": { body: EMPTY, headers: { "content-type": "text/html" }, httpStatus: 415 },
  JSON: { body: EMPTY, headers: { "content-type": "application/json" }, httpStatus: 415 },
  "a content type that only begins well": {
    body: EMPTY,
    headers: { "content-type": "application/grpcx\u00ff" },
    status: [OK],
  },
  "no te": { body: EMPTY, headers: { te: undefined }, status: [OK] },
  GET: { body: Buffer.alloc(0), headers: { ":method": "GET" }, status: [UNIMPLEMENTED] },
  HEAD: { body: Buffer.alloc(0), headers: { ":method": "HEAD" }, status: [UNIMPLEMENTED] },
  "a method that nobody knows": { body: EMPTY, method: "ota.v1.OtaService/Nothing", status: [UNIMPLEMENTED] },
  "a service that nobody knows": { body: EMPTY, method: "a/b", status: [UNIMPLEMENTED] },
  "a path of strange letters": {
    body: EMPTY,
    headers: { ":path": "/%0d%0aset-cookie:a\u00ff" },
    status: [UNIMPLEMENTED],
  },
  "a path without end": { body: EMPTY, headers: { ":path": `/${"a".repeat(30_000)}` }, status: [3] },
  "no message": { body: Buffer.alloc(0), status: [UNIMPLEMENTED] },
  "two messages": { body: Buffer.concat([EMPTY, EMPTY]), status: [UNIMPLEMENTED] },
  "a thousand messages": { body: Buffer.alloc(5000), status: [UNIMPLEMENTED] },
  "half a message": { body: framed(Buffer.alloc(3), { length: 1000 }), status: [UNIMPLEMENTED] },
  "half a prefix": { body: Buffer.alloc(3), status: [UNIMPLEMENTED] },
  "bytes after the message": { body: Buffer.concat([EMPTY, Buffer.from([0])]), status: [OK] },
  "a message of four gigabytes, declared": {
    body: framed(Buffer.alloc(3), { length: 2 ** 32 - 1 }),
    status: [EXHAUSTED],
  },
  "a message that is too long": { body: framed(Buffer.alloc(LONGEST + 1)), status: [EXHAUSTED] },
  "flags that mean nothing": { body: Buffer.from("fe00000000", "hex"), status: [OK] },
  "compressed, but nobody says how": {
    body: framed(Buffer.from([9, 9, 9]), { isCompressed: true }),
    status: [INVALID],
  },
  "compressed in a way that nobody knows": {
    body: COMPRESSED,
    headers: { "grpc-encoding": "br" },
    status: [UNIMPLEMENTED],
  },
  "gzip that is none": { body: COMPRESSED, headers: gzip, status: [UNIMPLEMENTED] },
  "deflate that is none": { body: COMPRESSED, headers: { "grpc-encoding": "deflate" }, status: [UNIMPLEMENTED] },
  "gzip of what is not compressed": { body: EMPTY, headers: gzip, status: [UNIMPLEMENTED] },
  "a hundred bombs": { body: BOMBS, headers: gzip, status: [UNIMPLEMENTED] },
  "a hundred bombs in a stream": { method: STREAM, body: BOMBS, headers: gzip, status: [UNIMPLEMENTED] },
  "a deadline in a month": { body: EMPTY, headers: { "grpc-timeout": "2500000S" }, status: [OK] },
  "a deadline of no time": { body: EMPTY, headers: { "grpc-timeout": "0n" }, status: [OK, 4] },
  "a deadline in a hundred million hours": { body: EMPTY, headers: { "grpc-timeout": "99999999H" }, status: [OK] },
  "a deadline of too many digits": {
    body: EMPTY,
    headers: { "grpc-timeout": "999999999999999S" },
    status: [INVALID],
  },
  "a deadline before now": { body: EMPTY, headers: { "grpc-timeout": "-1S" }, status: [INVALID] },
  "a deadline in words": { body: EMPTY, headers: { "grpc-timeout": "soon \u00ff" }, status: [INVALID] },
  "binary metadata that is none": {
    body: EMPTY,
    headers: { "x-a-bin": "\u00ff!!", "grpc-status-details-bin": "%%" },
    status: [OK],
  },
  "very long metadata": {
    body: EMPTY,
    headers: { "x-ota-caller": "a".repeat(10_000), "x-b": "b".repeat(20_000) },
    status: [INVALID],
  },
  "a trace that is none": {
    body: EMPTY,
    headers: { traceparent: "00-zz", tracestate: "=,".repeat(1000), baggage: `${"a=b,".repeat(1000)}%%%` },
    status: [OK],
  },
  "the headers of an answer": { body: EMPTY, headers: { "grpc-status": "0", "grpc-message": "fine" }, status: [OK] },
  "a stream that sends nothing": {
    method: STREAM,
    body: Buffer.alloc(0),
    status: [OK],
  },
  "a stream of no message": {
    method: STREAM,
    body: framed(Buffer.from([0xff])),
    status: [INVALID],
  },
  "a stream that is broken off by bytes that are too many": {
    method: STREAM,
    body: framed(Buffer.alloc(3), { length: 2 ** 32 - 1 }),
    isOpen: true,
    status: [EXHAUSTED],
  },
  "a health check of garbage": {
    method: "grpc.health.v1.Health/Check",
    body: framed(Buffer.from([0xff])),
    status: [INVALID],
  },
  "a health watch of garbage": {
    method: "grpc.health.v1.Health/Watch",
    body: framed(Buffer.from([0xff])),
    status: [INVALID],
  },
  "a reflection of garbage": {
    method: "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    body: framed(Buffer.from([0xff])),
    status: [INVALID],
  },
  "a reflection of something that is not there": {
    method: "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    body: framed(Buffer.from([0x22, 0x03, 0xff, 0xfe, 0x00])),
    status: [OK],
  },
};
