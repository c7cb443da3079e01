import { connect, type Server, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { listen } from "../../../../src/grpc/transport/listener.js";
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
