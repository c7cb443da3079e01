import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { HandshakePacer } from "../../../../src/grpc/transport/handshake-pacer.js";
import { HandClock } from "../../../support/hand-clock.js";

class FakeSocket extends EventEmitter {
  readableLength = 0;
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  /** The client has sent something. */
  says(bytes = 200): void {
    this.readableLength += bytes;
    this.emit("readable");
  }
}

function setUp() {
  const clock = new HandClock();
  const begun: string[] = [];
  const refused: string[] = [];
  const nameOf = (socket: Socket) => (socket as unknown as FakeSocket).name;
  const pacer = new HandshakePacer({
    clock,
    begin: (socket) => void begun.push(nameOf(socket)),
    refuse: (socket, reason) => void refused.push(`${nameOf(socket)}: ${reason}`),
  });
  /** Connections of one address, named after it. */
  const open = (address: string, count: number) =>
    Array.from({ length: count }, (_, n) => {
      const socket = new FakeSocket(`${address}${n}`);
      pacer.add(socket as unknown as Socket, address);
      return socket;
    });
  return { clock, begun, refused, pacer, open };
}

describe("HandshakePacer", () => {
  it("begins at once what comes alone", () => {
    const { begun, open, clock } = setUp();
    for (const socket of open("a", 1)) socket.says();
    expect(begun).toEqual(["a0"]);
    expect(clock.armed).toBe(0);
  });

  it("begins 200 in a second and eleven at once, however many come", async () => {
    const { begun, open, clock } = setUp();
    for (const socket of open("a", 1000)) socket.says();
    expect(begun).toHaveLength(11);
    await clock.advance(1000);
    expect(begun).toHaveLength(211);
    await clock.advance(4000);
    expect(begun).toHaveLength(1000);
    expect(clock.armed).toBe(0);
  });

  it("lets addresses take turns, so that a newcomer does not wait behind a flood", async () => {
    const { begun, open, clock } = setUp();
    for (const socket of open("flood", 500)) socket.says();
    await clock.advance(100);
    begun.length = 0;
    for (const socket of open("other", 2)) socket.says();
    await clock.advance(20);
    expect(begun.filter((name) => name.startsWith("other"))).toEqual(["other0", "other1"]);
    expect(begun).toHaveLength(4);
  });

  it("begins nothing for a connection that closes before it has sent anything, or before its turn", async () => {
    const { begun, refused, open, clock } = setUp();
    for (const socket of open("before", 11)) socket.says();
    begun.length = 0;
    const [silent, first, gone, last] = open("a", 4) as [FakeSocket, FakeSocket, FakeSocket, FakeSocket];
    silent.emit("readable"); // as at its end
    silent.emit("error", new Error("ECONNRESET"));
    silent.emit("close");
    for (const socket of [first, gone, last]) socket.says();
    gone.emit("close");
    await clock.advance(100);
    expect(begun).toEqual(["a1", "a3"]);
    expect(refused).toEqual([]);
  });

  it("refuses what would wait for more than five seconds", async () => {
    const { begun, refused, open, clock } = setUp();
    for (const address of ["a", "b"]) for (const socket of open(address, 600)) socket.says();
    await clock.advance(10_000);
    expect(begun).toHaveLength(1011);
    expect(refused).toHaveLength(189);
    expect(new Set(refused.map((text) => text.split(": ")[1]))).toEqual(new Set(["too many TLS handshakes"]));
  });

  it("refuses a client that sends more than a handshake begins with, and holds no more of it", () => {
    const { begun, refused, open } = setUp();
    for (const socket of open("a", 1)) socket.says(20_000);
    expect([begun, refused]).toEqual([[], ["a0: no TLS handshake"]]);
  });

  it("leaves no timer", () => {
    const { open, pacer, clock } = setUp();
    for (const socket of open("a", 30)) socket.says();
    pacer.close();
    expect(clock.armed).toBe(0);
  });
});
