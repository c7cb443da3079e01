import { Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { staggerAccepts } from "../../../../src/grpc/transport/listener.js";

function setUp() {
  const taken: Socket[] = [];
  const give = staggerAccepts((socket) => void taken.push(socket));
  return { taken, give };
}

const sockets = (count: number) => Array.from({ length: count }, () => new Socket());

describe("staggerAccepts", () => {
  it("lets connections in in order, and others be looked at before the next", async () => {
    const { taken, give } = setUp();
    const all = sockets(5);
    for (const socket of all) give(socket);
    for (let n = 1; n <= all.length; n++) {
      await nextTurn();
      expect(taken).toEqual(all.slice(0, n));
    }
  });

  it("goes on with who comes when all are in", async () => {
    const { taken, give } = setUp();
    const [first, second] = sockets(2) as [Socket, Socket];
    give(first);
    await nextTurn();
    await nextTurn();
    give(second);
    await nextTurn();
    expect(taken).toEqual([first, second]);
  });

  it("lets in nobody who has gone meanwhile", async () => {
    const { taken, give } = setUp();
    const [first, second] = sockets(2) as [Socket, Socket];
    give(first);
    give(second);
    first.destroy();
    await nextTurn();
    await nextTurn();
    expect(taken).toEqual([second]);
  });
});
