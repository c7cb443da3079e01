// What comes to the admin port and is no decent request of HTTP/1.1, piece by piece.
import type { Chance } from "./chance.js";

const text = (...lines: readonly string[]) => Buffer.from(lines.join("\r\n"), "latin1");

export const BROKEN_HTTP: Readonly<Record<string, (chance: Chance) => readonly Buffer[]>> = {
  "random bytes": (chance) => [chance.bytes(1 + chance.below(4000))],
  "random bytes for an address": (chance) => [
    Buffer.from("GET /"),
    chance.bytes(50),
    text(" HTTP/1.1", "host: localhost", "", ""),
  ],
  "an address that is none": (chance) => {
    const url = chance.pick([
      "//",
      "http://[",
      "/../../etc/passwd",
      "/%00",
      "/page/..%2f..%2f",
      "*",
      "/__proto__",
      "/?\u009b31m",
      "x:y",
    ]);
    return [text(`GET ${url} HTTP/1.1`, "host: localhost", "", "")];
  },
  "an address without end": () => [text(`GET /${"a".repeat(100_000)} HTTP/1.1`, "host: localhost", "", "")],
  "headers without end": () => [
    text("GET / HTTP/1.1", ...Array.from({ length: 2000 }, (_, n) => `x-${n}: ${"v".repeat(100)}`), "", ""),
  ],
  "two requests that differ in what is one": () => [
    text(
      "POST /livez HTTP/1.1",
      "host: x",
      "content-length: 6",
      "transfer-encoding: chunked",
      "",
      "0",
      "",
      "GET /events HTTP/1.1",
      "host: evil",
      "",
      "",
    ),
  ],
  "no host": () => [text("GET /events HTTP/1.1", "", "")],
  "another host": () => [
    text("GET /events HTTP/1.1", "host: evil.example", "", ""),
    text("GET / HTTP/1.1", "host: a, localhost", "", ""),
  ],
  "many requests at once, and no reading of answers": () => [
    Buffer.concat(Array.from({ length: 500 }, () => text("GET /metrics HTTP/1.1", "host: localhost", "", ""))),
  ],
  "all that is open, left half": (chance) => [
    text(`GET ${chance.pick(["/events", "/flight-record", "/metrics"])} HTTP/1.1`, "host: localhost", "", ""),
  ],
  "a body that never comes": () => [text("POST / HTTP/1.1", "host: localhost", "content-length: 1000000000", "", "")],
  "an upgrade": () => [
    text("GET / HTTP/1.1", "host: localhost", "connection: upgrade", "upgrade: h2c, websocket", "", ""),
  ],
  CONNECT: () => [text("CONNECT localhost:22 HTTP/1.1", "host: localhost", "", "")],
  "an expectation": () => [text("GET / HTTP/1.1", "host: localhost", "expect: the impossible", "", "")],
  "HTTP/2": () => [Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.alloc(50)],
  "a byte at a time": () => Array.from("GET /livez HTTP/1.1\r\nhost:", (letter) => Buffer.from(letter)),
};
