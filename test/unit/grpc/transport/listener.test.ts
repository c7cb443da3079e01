import { connect, type Server, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { listen, staggerAccepts } from "../../../../src/grpc/transport/listener.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("listen", () => {
  it("logs that a connection could not be accepted, and goes on (was: ended the process)", async () => {
    const log = new FakeLog();
    let take = (_: Socket) => {};
    const taken = new Promise<Socket>((resolve) => {
      take = resolve;
    });
    const options = { host: "127.0.0.1", port: 0, clock: new HandClock(), log, refused: () => {} };
    const listener = await listen((socket) => take(socket), options);
    const client = connect(listener.port, "127.0.0.1");
    onTestFinished(() => {
      client.destroy();
      listener.close();
    });
    const { server } = (await taken) as Socket & { readonly server: Server }; // as Node keeps it
    server.emit("error", new Error("accept ENETDOWN"));
    expect(log.lines).toMatchObject([{ level: "error", message: "the gRPC port could not accept a connection" }]);
  });
});

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
