// The premise of the ledger: calls reported as unwritten never arrive, and nothing arrives twice,
// whatever the connections do. Over real sockets, because it depends on undici.
import { createServer, type Socket } from "node:net";
import { Pool } from "undici";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { type Exchange, exchange } from "../../src/upstream/exchange.js";

const REQUESTS = 2_000;
const CONCURRENCY = 10;
const ANSWER = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** What the server may do with a request. */
const MOODS: readonly ((socket: Socket) => void)[] = [
  (socket) => socket.write(ANSWER),
  (socket) => socket.write(ANSWER),
  (socket) => socket.end(ANSWER),
  (socket) => socket.write(ANSWER, () => socket.resetAndDestroy()),
  (socket) => socket.write(ANSWER, () => setImmediate(() => socket.destroy())),
  (socket) => socket.end(ANSWER.replace("content-length", "connection: close\r\ncontent-length")),
  (socket) => socket.write(ANSWER.slice(0, -1), () => socket.destroy()),
  (socket) => socket.resetAndDestroy(),
  (socket) => socket.destroy(),
  () => undefined,
];

describe("exchange over connections that break in every way", () => {
  it("never says unwritten of what arrived, and never sends anything twice", async () => {
    const arrivals = new Map<string, number>();
    let turn = 0;
    const sockets = new Set<Socket>();
    const closeAll = () => {
      for (const socket of sockets) socket.destroy();
    };
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined).on("close", () => sockets.delete(socket)));
      // Some are gone before anything can be read.
      if (turn++ % 11 === 0) {
        socket.resetAndDestroy();
        return;
      }
      socket.on("data", (chunk) => {
        for (const [, id = ""] of String(chunk).matchAll(/^POST \/\?id=(\d+) /gm)) {
          arrivals.set(id, (arrivals.get(id) ?? 0) + 1);
          MOODS[(turn++ * 7919) % MOODS.length]?.(socket);
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
    const pool = new Pool(origin, { pipelining: 1 });

    const ends: Record<Exchange["kind"], string[]> = { answered: [], lost: [], unwritten: [] };
    let next = 0;
    const send = async (withinMs: number) => {
      const id = String(next++);
      const request = { path: `/?id=${id}`, headers: {} };
      const { kind } = await exchange(pool, origin, request, systemClock, systemClock.now() + withinMs);
      ends[kind].push(id);
    };
    const sendOn = async () => {
      while (next < REQUESTS) await send(50);
    };
    // One after the other, with time enough: the moods take turns, so that one of the first answers.
    while (ends.answered.length === 0 && next < REQUESTS) await send(1_000);
    await Promise.all(Array.from({ length: CONCURRENCY }, sendOn));

    // Whether a request came upon a broken connection is a matter of chance. Now the server goes for
    // good: each request uses up one of the connections that are left, or finds none.
    const closed = new Promise((resolve) => server.close(resolve));
    closeAll();
    for (let n = 0; n <= CONCURRENCY; n++) await send(5_000);

    // So that whatever is still to come has come.
    await pool.destroy();
    closeAll();
    await closed;
    expect(ends.unwritten.filter((id) => arrivals.has(id))).toEqual([]);
    expect(ends.answered.filter((id) => !arrivals.has(id))).toEqual([]);
    expect([...arrivals].filter(([, times]) => times > 1)).toEqual([]);
    // All three were seen, or nothing was proved.
    expect(Object.values(ends).map(({ length }) => length)).not.toContain(0);
  });
});
