import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { Metadata } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../../../../src/gateway/errors.js";
import { InFlightLimits } from "../../../../src/grpc/rpc/in-flight.js";
import { Connection } from "../../../../src/grpc/transport/connections.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";

/** An rpc that is over when the test says so. */
class Call extends EventEmitter {
  readonly cancelled = false;
  readonly metadata = new Metadata();
  readonly getPeer = () => "peer";
  end = () => void this.emit("cancelled");
}

function setUp(connection?: Connection) {
  const [clock, log] = [new HandClock(), new FakeLog()];
  return { clock, log, inFlight: new InFlightLimits({ clock, log, connectionOf: () => connection }) };
}

function refusalOf(enter: () => unknown): GatewayError {
  try {
    enter();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("it was let in");
}

describe("InFlightLimits", () => {
  it("lets one caller have so many rpcs in flight and no more, and others all the same", () => {
    const { inFlight, log } = setUp();
    const calls = Array.from({ length: 4096 }, () => new Call());
    for (const call of calls) inFlight.enter("flood", call);
    const refused = refusalOf(() => inFlight.enter("flood", new Call()));
    expect(refused.failure).toMatchObject({ kind: "overloaded", subject: "caller" });
    expect(refused.retryAfterMs).toBe(1000);
    inFlight.enter("small", new Call());
    calls[0]?.end();
    inFlight.enter("flood", new Call());
    for (let n = 0; n < 100; n++) refusalOf(() => inFlight.enter("flood", new Call()));
    expect(log.lines).toHaveLength(1);
  });

  it("lets all of them together have no more than it can hold", () => {
    const { inFlight } = setUp();
    const calls = Array.from({ length: 16_384 }, () => new Call());
    for (const [n, call] of calls.entries()) inFlight.enter(`caller-${n % 10}`, call);
    expect(refusalOf(() => inFlight.enter("small", new Call())).failure).toMatchObject({ subject: "gateway" });
    for (const call of calls) call.end();
    for (let n = 0; n < 16_384; n++) inFlight.enter(`other-${n % 10}`, new Call());
    expect(refusalOf(() => inFlight.enter("small", new Call())).failure).toMatchObject({ subject: "gateway" });
  });

  it("counts who is still being found out among the strangers, until it is known (was: nobody counted them)", () => {
    const { inFlight } = setUp();
    const met = Array.from({ length: 4096 }, () => inFlight.enterUnverified(new Call()));
    expect(refusalOf(() => inFlight.enterUnverified(new Call())).failure).toMatchObject({
      kind: "overloaded",
      subject: "caller",
    });
    inFlight.enter("known", new Call());
    met[0]?.();
    met[0] = inFlight.enterUnverified(new Call());
    for (const leave of met) leave();
    for (let n = 0; n < 4096; n++) inFlight.enter("", new Call());
  });

  it("has connections read in turns also while it is found out who asks", () => {
    const asked: string[] = [];
    const turns = { asked: (_: unknown, caller: string) => void asked.push(caller) };
    const { inFlight } = setUp(new Connection({ bytesRead: 0 } as Socket, "10.0.0.1", 0, turns));
    inFlight.enterUnverified(new Call());
    expect(asked).toEqual([""]);
  });

  it("makes no error for each of those that it refuses (was: 4 KB each, with a stack, for thousands that wait to be told)", () => {
    const { inFlight } = setUp();
    for (let n = 0; n < 4096; n++) inFlight.enter("flood", new Call());
    expect(refusalOf(() => inFlight.enter("flood", new Call()))).toBe(
      refusalOf(() => inFlight.enter("flood", new Call())),
    );
  });

  it("counts an rpc once, however often it is said to be over", () => {
    const { inFlight } = setUp();
    const twice = new Call();
    inFlight.enter("a", twice);
    twice.end();
    twice.end();
    for (let n = 0; n < 4096; n++) inFlight.enter("a", new Call());
    refusalOf(() => inFlight.enter("a", new Call()));
  });

  it("takes no more metadata than it would hold for a thousand others", () => {
    const { inFlight } = setUp();
    const call = new Call();
    call.metadata.set("x-a", "a".repeat(16_384 - "x-a".length));
    inFlight.enter("a", call);
    call.metadata.add("x-b", "b");
    expect(refusalOf(() => inFlight.enter("a", call)).failure.kind).toBe("invalid");
  });

  it("tells who has gone only once", () => {
    const { inFlight } = setUp();
    const call = new Call();
    const admitted = inFlight.enter("a", call);
    let aborted = 0;
    admitted.onLeave(() => void aborted++);
    call.end();
    call.end();
    expect(aborted).toBe(1);
    expect(admitted.isOver).toBe(true);
  });

  it("takes nobody for gone who has been answered", () => {
    const { inFlight } = setUp();
    const call = new Call();
    const admitted = inFlight.enter("a", call);
    let aborted = 0;
    admitted.onLeave(() => void aborted++);
    admitted.answered();
    call.end();
    expect(aborted).toBe(0);
    expect(admitted.isOver).toBe(true);
  });
});

describe("Connection", () => {
  const SECOND_MS = 1000;

  it("is at fault when its answers are not taken for half a minute, and not while some are", async () => {
    const connection = new Connection({ bytesRead: 100 } as Socket, "10.0.0.1", 0, { asked() {} });
    const { inFlight, clock } = setUp(connection);
    const calls = Array.from({ length: 3 }, () => new Call());
    const [first, second, third] = calls.map((call) => inFlight.enter("a", call));
    await clock.advance(60 * SECOND_MS);
    expect(connection.fault(clock.now())).toBeUndefined(); // nothing has been answered
    first?.answered();
    second?.answered();
    await clock.advance(29 * SECOND_MS);
    calls[0]?.end();
    third?.answered();
    await clock.advance(29 * SECOND_MS);
    expect(connection.fault(clock.now())).toBeUndefined();
    await clock.advance(2 * SECOND_MS);
    expect(connection.fault(clock.now())).toBe("its answers were not taken");
    for (const call of calls) call.end();
    expect(connection.fault(clock.now())).toBeUndefined();
  });

  it("is at fault when it says nothing", () => {
    const socket = { bytesRead: 32 };
    const connection = new Connection(socket as Socket, "10.0.0.1", 0, { asked() {} });
    expect(connection.fault(10 * SECOND_MS)).toBeUndefined();
    expect(connection.fault(10 * SECOND_MS + 1)).toBe("it said nothing");
    socket.bytesRead = 33;
    expect(connection.fault(3600 * SECOND_MS)).toBeUndefined();
  });

  it("is at fault when it sends much more than its requests can be", () => {
    const socket = { bytesRead: 100 };
    const connection = new Connection(socket as Socket, "10.0.0.1", 0, { asked() {} });
    const { inFlight } = setUp(connection);
    connection.fault(0);
    socket.bytesRead += 17_000_000;
    for (let n = 0; n < 2; n++) inFlight.enter("a", new Call()).schedule(() => {});
    expect(connection.fault(1)).toBeUndefined();
    socket.bytesRead += 17_000_000;
    expect(connection.fault(2)).toBe("it sent much and asked little");
  });
});
