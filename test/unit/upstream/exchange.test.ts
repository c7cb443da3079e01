import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Client, Dispatcher, Pool } from "undici";
import { describe, expect, it, onTestFinished } from "vitest";
import { exchange } from "../../../src/upstream/exchange.js";
import { HandClock } from "../../support/hand-clock.js";
import { CLOSED_PORT, listen, listenHttp, listenTcp } from "./local-server.js";
import { untrustedCert, untrustedKey } from "./untrusted-cert.js";

const TIMEOUT_MS = 10_000;
const request = { path: "/?a=1", headers: { "x-acs-action": "X" } };

/** A way to send to `origin`, and the clock that bounds it. */
function sender(origin: string, dispatcher: Dispatcher = new Pool(origin)) {
  const clock = new HandClock();
  onTestFinished(() => dispatcher.destroy());
  return { clock, send: () => exchange(dispatcher, origin, request, clock, clock.now() + TIMEOUT_MS) };
}

const at = (port: number) => `http://127.0.0.1:${port}`;

describe("exchange", () => {
  it("gives the whole answer, and leaves no timer", async () => {
    const port = await listenHttp((incoming, response) => {
      response.writeHead(400, { "x-acs-retry-after": "5" }).end(`${incoming.method} ${incoming.url}`);
    });
    const { send, clock } = sender(at(port));
    const outcome = await send();
    expect(outcome).toMatchObject({ kind: "answered", answer: { status: 400, body: "POST /?a=1" } });
    expect(outcome.kind === "answered" && outcome.answer.headers["x-acs-retry-after"]).toBe("5");
    expect(clock.armed).toBe(0);
  });

  describe("says unwritten", () => {
    it("when nobody listens", async () => {
      const { send } = sender(at(CLOSED_PORT));
      expect(await send()).toEqual({ kind: "unwritten", fault: "ECONNREFUSED" });
    });

    it("when the name is not found", async () => {
      const { send } = sender("http://no-such-host.invalid");
      expect(await send()).toMatchObject({
        kind: "unwritten",
        fault: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
      });
    });

    it("when the certificate is not trusted", async () => {
      const server = createTlsServer({ key: untrustedKey, cert: untrustedCert });
      const { send } = sender(`https://127.0.0.1:${await listen(server, () => undefined)}`);
      expect(await send()).toEqual({ kind: "unwritten", fault: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    });

    it("when the TLS handshake never ends", async () => {
      const greeted = Promise.withResolvers<void>();
      const port = await listenTcp((socket) => socket.once("data", () => greeted.resolve()));
      const { send, clock } = sender(`https://127.0.0.1:${port}`);
      const outcome = send();
      await greeted.promise;
      await clock.advance(TIMEOUT_MS);
      expect(await outcome).toEqual({ kind: "unwritten", fault: "timeout" });
    });

    it("when the connection is closed in the TLS handshake", async () => {
      const port = await listenTcp((socket) => socket.once("data", () => socket.destroy()));
      const { send } = sender(`https://127.0.0.1:${port}`);
      expect((await send()).kind).toBe("unwritten");
    });

    it("when the dispatcher is gone", async () => {
      const pool = new Pool("http://127.0.0.1:1");
      const { send } = sender("http://127.0.0.1:1", pool);
      await pool.destroy();
      expect((await send()).kind).toBe("unwritten");
    });
  });

  it("never writes a request that was given up before it had a connection", async () => {
    const received: string[] = [];
    const port = await listenTcp((socket) => socket.on("data", (chunk) => received.push(String(chunk))));
    let finishConnecting: (() => Promise<Socket>) | undefined;
    const client = new Client(at(port), {
      connect: (_options, callback) => {
        finishConnecting = async () => {
          const socket = connect(port, "127.0.0.1");
          await once(socket, "connect");
          callback(null, socket);
          return socket;
        };
      },
    });
    const { send, clock } = sender(at(port), client);
    const outcome = send();
    await clock.advance(TIMEOUT_MS);
    expect(await outcome).toEqual({ kind: "unwritten", fault: "timeout" });
    const socket = await finishConnecting?.();
    if (socket && !socket.destroyed) await once(socket, "close");
    expect(received).toEqual([]);
  });

  it("never writes a request whose time ran out while the process was stopped", async () => {
    const dispatcher = new Scripted((handler, controller) => handler.onRequestStart?.(controller, {}));
    const clock = new HandClock({ nowMs: TIMEOUT_MS });
    expect(await exchange(dispatcher, "http://x", request, clock, TIMEOUT_MS)).toEqual({
      kind: "unwritten",
      fault: "timeout",
    });
    expect(dispatcher.aborts).toBe(1);
  });

  it("never writes a request a second time, whatever the dispatcher does", async () => {
    const dispatcher = new Scripted((handler, controller) => {
      handler.onRequestStart?.(controller, {});
      handler.onRequestStart?.(controller, {});
      handler.onResponseError?.(controller, new Error("aborted"));
    });
    expect((await exchange(dispatcher, "http://x", request, new HandClock(), TIMEOUT_MS)).kind).toBe("lost");
    expect(dispatcher.aborts).toBeGreaterThan(0);
  });

  describe("says lost", () => {
    it("when the connection is reset before the request was read", async () => {
      const port = await listenTcp((socket) => socket.once("readable", () => socket.resetAndDestroy()));
      expect((await sender(at(port)).send()).kind).toBe("lost");
    });

    it("when the connection is reset in the middle of the body", async () => {
      const port = await listenTcp((socket) => {
        socket.once("data", () =>
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", () => socket.destroy()),
        );
      });
      expect(await sender(at(port)).send()).toMatchObject({ kind: "lost", status: 200 });
    });

    it("when no answer comes in time, and then closes the connection", async () => {
      const socketOfServer = Promise.withResolvers<Socket>();
      const port = await listenTcp((socket) => socket.once("data", () => socketOfServer.resolve(socket)));
      const { send, clock } = sender(at(port));
      const outcome = send();
      const socket = await socketOfServer.promise;
      await clock.advance(TIMEOUT_MS);
      expect(await outcome).toEqual({ kind: "lost", fault: "timeout" });
      if (!socket.closed) await once(socket, "close");
    });

    it("when the body drips on beyond the time", async () => {
      const port = await listenTcp((socket) => {
        let drip: NodeJS.Timeout | undefined;
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
          drip = setInterval(() => socket.write("x"), 5);
        });
        socket.on("close", () => clearInterval(drip));
      });
      const bodyBegan = Promise.withResolvers<void>();
      const pool = new Pool(at(port)).compose((dispatch) => (options, handler) => {
        const onResponseData = handler.onResponseData?.bind(handler);
        handler.onResponseData = (controller, chunk) => {
          onResponseData?.(controller, chunk);
          bodyBegan.resolve();
        };
        return dispatch(options, handler);
      });
      const { send, clock } = sender(at(port), pool);
      const outcome = send();
      await bodyBegan.promise;
      await clock.advance(TIMEOUT_MS);
      expect(await outcome).toEqual({ kind: "lost", fault: "timeout", status: 200 });
    });

    it("when the answer is longer than any of the upstream's", async () => {
      const port = await listenHttp((_incoming, response) => response.end("x".repeat(300_000)));
      expect(await sender(at(port)).send()).toEqual({ kind: "lost", fault: "answer too long", status: 200 });
    });

    it("when what comes is not HTTP", async () => {
      const port = await listenTcp((socket) => socket.once("data", () => socket.end("hello\r\n\r\n")));
      expect((await sender(at(port)).send()).kind).toBe("lost");
    });
  });

  it("sends on a new connection, and once, after the server closed the idle one", async () => {
    let requests = 0;
    const sockets: Socket[] = [];
    const port = await listenTcp((socket) => {
      sockets.push(socket);
      socket.on("data", () => {
        requests++;
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    const { send } = sender(at(port));
    expect((await send()).kind).toBe("answered");
    // Closed, and the next request made in the same step: the client has not seen it yet.
    sockets[0]?.end();
    expect((await send()).kind).toBe("answered");
    expect({ requests, connections: sockets.length }).toEqual({ requests: 2, connections: 2 });
  });
});

/** A dispatcher that goes through the steps it is given. */
class Scripted extends Dispatcher {
  aborts = 0;
  readonly #script: (handler: Dispatcher.DispatchHandler, controller: Dispatcher.DispatchController) => void;

  constructor(script: (handler: Dispatcher.DispatchHandler, controller: Dispatcher.DispatchController) => void) {
    super();
    this.#script = script;
  }

  override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const abort = () => {
      this.aborts++;
    };
    this.#script(handler, { aborted: false, paused: false, reason: null, pause() {}, resume() {}, abort });
    return true;
  }
}
