// Connections that break the rules of HTTP/2, each in its own way: what to write, piece by piece. Their amounts are
// those of an attacker in a hurry, not of one with a botnet: grpc/resource-bounds.ts bounds how many may come.
import type { Chance } from "./chance.js";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  grpcHeaders,
  headerBlock,
  OPENING,
  PADDED,
  PREFACE,
  PRIORITY,
  settings,
  uint32,
} from "./http2-frames.js";

const GET_QUOTA = "ota.v1.OtaService/GetQuota";
const STREAM = "ota.v1.OtaService/StreamCancelTasksByDevice";
const NOTHING = Buffer.alloc(0);
const CANCEL = uint32(8);

const headers = (stream: number, method = GET_QUOTA, flags = END_HEADERS) =>
  frame(FRAME.headers, flags, stream, headerBlock(grpcHeaders(method)));
const many = (count: number, each: (n: number) => Buffer) =>
  Buffer.concat(Array.from({ length: count }, (_, n) => each(n)));
const odd = (n: number) => 2 * n + 1;

type Pieces = readonly Buffer[];

/** By what is wrong; each is written to a connection of its own. */
export const BROKEN_WIRE: Readonly<Record<string, (chance: Chance) => Pieces>> = {
  "random bytes": (chance) => [chance.bytes(1 + chance.below(4000))],
  "half a preface": (chance) => [PREFACE.subarray(0, 1 + chance.below(PREFACE.length - 1))],
  "HTTP/1.1": () => [
    Buffer.from("POST /ota.v1.OtaService/GetQuota HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"),
  ],
  "a TLS hello": (chance) => [Buffer.from("16030100c8010000c40303", "hex"), chance.bytes(190)],
  "a preface, then random bytes": (chance) => [PREFACE, chance.bytes(1 + chance.below(4000))],
  "an opening, then random frames": (chance) => [OPENING, many(40, () => randomFrame(chance))],
  "an rpc, then random frames on it": (chance) => [OPENING, headers(1, STREAM), many(40, () => randomFrame(chance, 1))],
  "random header blocks": (chance) => [
    OPENING,
    many(20, (n) => frame(FRAME.headers, END_HEADERS | END_STREAM, odd(n), chance.bytes(chance.below(300)))),
  ],
  "a header block that says how it wants a gigantic table": () => [
    OPENING,
    frame(FRAME.headers, END_HEADERS, 1, Buffer.from("3fffffff7f", "hex")),
  ],
  "a header block that names an index without end": () => [
    OPENING,
    frame(FRAME.headers, END_HEADERS, 1, Buffer.from("ffffffffffffffffffff7f", "hex")),
  ],
  "headers without end": () => [
    OPENING,
    headers(1, GET_QUOTA, 0),
    many(200, () => frame(FRAME.continuation, 0, 1, headerBlock([["x-a", "a".repeat(2000)]]))),
  ],
  "empty continuations": () => [
    OPENING,
    headers(1, GET_QUOTA, 0),
    many(5000, () => frame(FRAME.continuation, 0, 1, NOTHING)),
  ],
  "a thousand headers": () => {
    const block = headerBlock([
      ...grpcHeaders(GET_QUOTA),
      ...Array.from({ length: 1000 }, (_, n) => [`x-${n}`, "v"] as const),
    ]);
    return [OPENING, frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block)];
  },
  "forbidden headers": (chance) => [
    OPENING,
    many(10, (n) => {
      const bad = chance.pick([
        ["Upper", "x"],
        ["connection", "close"],
        ["x", "a\r\nb"],
        ["x", "a\0b"],
        [":status", "200"],
        ["", ""],
      ] as const);
      return frame(FRAME.headers, END_HEADERS, odd(n), headerBlock([...grpcHeaders(GET_QUOTA), bad]));
    }),
  ],
  "requests without the headers of a request": (chance) => [
    OPENING,
    many(12, (n) => {
      const left = grpcHeaders(GET_QUOTA).filter(() => chance.below(3) > 0);
      return frame(FRAME.headers, END_HEADERS | END_STREAM, odd(n), headerBlock(left));
    }),
  ],
  CONNECT: () => [
    OPENING,
    frame(
      FRAME.headers,
      END_HEADERS,
      1,
      headerBlock([
        [":method", "CONNECT"],
        [":authority", "x:1"],
      ]),
    ),
  ],
  "rapid reset": () => [
    OPENING,
    many(2000, (n) => Buffer.concat([headers(odd(n)), frame(FRAME.rstStream, 0, odd(n), CANCEL)])),
  ],
  "rapid reset of streams that make the gateway work": () => [
    OPENING,
    many(300, (n) =>
      Buffer.concat([
        headers(odd(n), STREAM),
        frame(FRAME.data, 0, odd(n), Buffer.from("0000000000", "hex")),
        frame(FRAME.rstStream, 0, odd(n), CANCEL),
      ]),
    ),
  ],
  "resets that call it an error": (chance) => [
    OPENING,
    many(200, (n) => {
      const method = chance.pick([GET_QUOTA, STREAM, "nobody.Knows/This"]);
      return Buffer.concat([headers(odd(n), method), frame(FRAME.rstStream, 0, odd(n), uint32(chance.below(20)))]);
    }),
  ],
  "a flood of settings": () => [OPENING, many(3000, (n) => settings([4, 65_535 + n]))],
  "settings of nonsense": (chance) => [OPENING, many(20, () => settings([chance.below(10), chance.below(2 ** 32)]))],
  "settings that leave no room for an answer": () => [
    OPENING,
    settings([4, 0], [5, 16_384], [6, 0]),
    call(1, GET_QUOTA),
    call(3, STREAM),
  ],
  "a flood of pings": () => [OPENING, many(5000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8)))],
  "a flood of pings that nobody reads": () => [
    OPENING,
    settings([4, 0]),
    many(5000, () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))),
  ],
  "acknowledgements of nothing": () => [
    OPENING,
    many(100, () => frame(FRAME.settings, ACK, 0, NOTHING)),
    frame(FRAME.ping, ACK, 0, Buffer.alloc(8)),
  ],
  "a window beyond its limit": () => [
    OPENING,
    headers(1),
    many(3, () => frame(FRAME.windowUpdate, 0, 1, uint32(2 ** 31 - 1))),
  ],
  "a connection's window beyond its limit": () => [
    OPENING,
    many(3, () => frame(FRAME.windowUpdate, 0, 0, uint32(2 ** 31 - 1))),
  ],
  "a window that grows by nothing": () => [OPENING, headers(1), frame(FRAME.windowUpdate, 0, 1, uint32(0))],
  "data on a stream that is closed": () => [
    OPENING,
    call(1, GET_QUOTA),
    many(50, () => frame(FRAME.data, 0, 1, Buffer.alloc(100))),
  ],
  "data on a stream that never was": () => [OPENING, frame(FRAME.data, 0, 77, Buffer.alloc(100))],
  "more data than the window has": () => [
    OPENING,
    headers(1, STREAM),
    many(40, () => frame(FRAME.data, 0, 1, Buffer.alloc(16_000))),
  ],
  "data in single bytes": () => [
    OPENING,
    headers(1),
    frame(FRAME.data, 0, 1, Buffer.from("00000f4240", "hex")),
    many(20_000, () => frame(FRAME.data, 0, 1, Buffer.from([0]))),
  ],
  "empty data frames": () => [OPENING, headers(1), many(5000, () => frame(FRAME.data, 0, 1, NOTHING))],
  "padding longer than the frame": () => [OPENING, headers(1), frame(FRAME.data, PADDED, 1, Buffer.from([255, 0, 0]))],
  "a stream that depends on itself": () => [
    OPENING,
    frame(
      FRAME.headers,
      END_HEADERS | PRIORITY,
      1,
      Buffer.concat([uint32(1), Buffer.from([255]), headerBlock(grpcHeaders(GET_QUOTA))]),
    ),
    many(2000, () => frame(FRAME.priority, 0, 1, Buffer.concat([uint32(1), Buffer.from([1])]))),
  ],
  "streams by even and falling numbers": () => [OPENING, headers(2), headers(9), headers(3)],
  "a push": () => [
    OPENING,
    headers(1),
    frame(FRAME.pushPromise, END_HEADERS, 1, Buffer.concat([uint32(2), headerBlock(grpcHeaders(GET_QUOTA))])),
  ],
  "goodbye, and on": () => [
    OPENING,
    frame(FRAME.goaway, 0, 0, Buffer.alloc(8)),
    many(20, (n) => call(odd(n), GET_QUOTA)),
  ],
  "goodbye with an error and a long reason": (chance) => [
    OPENING,
    frame(FRAME.goaway, 0, 0, Buffer.concat([uint32(0), uint32(chance.below(20)), chance.bytes(8000)])),
  ],
  "a gigantic frame, declared": (chance) => [OPENING, frame(chance.below(12), 0, 1, chance.bytes(20), 0xffffff)],
  "a gigantic message, declared": () => [
    OPENING,
    headers(1),
    frame(FRAME.data, 0, 1, Buffer.from("00ffffffff00", "hex")),
  ],
  "half a frame": (chance) => [OPENING, headers(1).subarray(0, 1 + chance.below(40))],
  "half a message": () => [OPENING, headers(1), frame(FRAME.data, 0, 1, Buffer.from("00000003e8010203", "hex"))],
  "half a message of a stream": () => [
    OPENING,
    headers(1, STREAM),
    frame(FRAME.data, 0, 1, Buffer.from("00000003e8010203", "hex")),
  ],
  "trailers in the middle of a request": () => [
    OPENING,
    headers(1),
    headers(1),
    headers(1, GET_QUOTA, END_HEADERS | END_STREAM),
  ],
  "streams that are left open": () => [OPENING, many(500, (n) => headers(odd(n), STREAM))],
  "frames of kinds that nobody knows": (chance) => [
    OPENING,
    many(200, () => frame(10 + chance.below(246), chance.below(256), chance.below(9), chance.bytes(20))),
    call(1, GET_QUOTA),
  ],
};

/** A whole rpc with an empty message. */
function call(stream: number, method: string): Buffer {
  return Buffer.concat([
    headers(stream, method),
    frame(FRAME.data, END_STREAM, stream, Buffer.from("0000000000", "hex")),
  ]);
}

function randomFrame(chance: Chance, stream = chance.below(8)): Buffer {
  const content = chance.bytes(chance.below(64));
  const declared = chance.below(20) === 0 ? chance.below(2 ** 24) : content.length;
  return frame(chance.below(11), chance.below(256), stream, content, declared);
}
