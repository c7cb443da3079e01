import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { MOST_ANSWER_BYTES } from "../../../../src/grpc/budget.js";
import { InFlightLimits } from "../../../../src/grpc/rpc/in-flight.js";
import { Connection } from "../../../../src/grpc/transport/connections.js";
import { HandClock } from "../../../support/hand-clock.js";

/** An rpc that is over when the test says so. */
class Call extends EventEmitter {
  readonly cancelled = false;
  readonly getPeer = () => "peer";
  end = () => void this.emit("cancelled");
}

function setUp(connection?: Connection) {
  const clock = new HandClock();
  return { clock, inFlight: new InFlightLimits({ clock, connectionOf: () => connection }) };
}

describe("InFlightLimits", () => {
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
    connection.fault(0);
    socket.bytesRead += 17_000_000;
    for (let n = 0; n < 2; n++) connection.asked("a");
    expect(connection.fault(1)).toBeUndefined();
    socket.bytesRead += 17_000_000;
    expect(connection.fault(2)).toBe("it sent much and asked little");
  });

  it("has no name any more once its client's certificate has ended", () => {
    const connection = new Connection({ bytesRead: 0 } as Socket, "10.0.0.1", 0, { asked() {} });
    expect(connection.nameAt(0)).toBeUndefined();
    connection.certify("fleet", 1000);
    expect(connection.nameAt(999)).toBe("fleet");
    expect(connection.nameAt(1000)).toBeUndefined();
  });

  it("is ended when more answers wait than it may hold", () => {
    let isEnded = false;
    const destroy = () => {
      isEnded = true;
    };
    const socket = { bytesRead: 0, destroy };
    const connection = new Connection(socket as unknown as Socket, "10.0.0.1", 0, { asked() {} });
    connection.answered(0, MOST_ANSWER_BYTES);
    connection.taken(0, MOST_ANSWER_BYTES);
    connection.answered(0, MOST_ANSWER_BYTES);
    expect(isEnded).toBe(false);
    connection.answered(0, 1);
    expect(isEnded).toBe(true);
  });
});
