import { describe, expect, it } from "vitest";
import { GatewayError } from "../../../../src/gateway/failures.js";
import { BOUNDS } from "../../../../src/grpc/resource-bounds.js";
import { OpenStreams, type StreamOrigin } from "../../../../src/grpc/transport/open-streams.js";

/** Of a connection of its own for each 500. */
function origins(count: number, origin: Partial<StreamOrigin>): StreamOrigin[] {
  let connection = {};
  return Array.from({ length: count }, (_, n) => {
    if (n % 500 === 0) connection = {};
    return { connection, address: "10.0.0.1", caller: "somebody", kind: "rpc" as const, ...origin };
  });
}

function refusalOf(act: () => unknown): GatewayError {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("it was let in");
}

const subjectOf = ({ failure }: GatewayError) => (failure.kind === "overloaded" ? failure.subject : failure.kind);

describe("OpenStreams", () => {
  it("lets one caller have so many streams and no more, and others all the same", () => {
    const streams = new OpenStreams();
    const rpc = origins(BOUNDS.caller.streams, { caller: "flood" }).map((each) => streams.openStream(each));
    const [another] = origins(1, { caller: "flood" }) as [StreamOrigin];
    const refused = refusalOf(() => streams.openStream(another));
    expect(subjectOf(refused)).toBe("caller");
    expect(refused.retryAfterMs).toBe(1000);
    streams.openStream({ ...another, caller: "small" });
    rpc[0]?.close();
    rpc[0]?.close(); // counts once
    streams.openStream(another);
    expect(subjectOf(refusalOf(() => streams.openStream(another)))).toBe("caller");
  });

  it.each([
    ["connection", { connection: {} }, BOUNDS.connection.streams],
    ["watchesOfConnection", { connection: {}, kind: "watch" as const }, BOUNDS.watchesOfConnection.streams],
    ["reflectionOfConnection", { connection: {}, kind: "reflection" as const }, BOUNDS.reflectionOfConnection.streams],
    ["strangersOfAddress", { caller: undefined }, BOUNDS.strangersOfAddress.streams],
  ])("bounds the streams of %s", (subject, origin, bound) => {
    const streams = new OpenStreams();
    for (const each of origins(bound, origin)) streams.openStream(each);
    const [another] = origins(1, origin) as [StreamOrigin];
    expect(subjectOf(refusalOf(() => streams.openStream(another)))).toBe(subject);
  });

  it("bounds strangers of all addresses, who take nothing from callers with credentials at the same address", () => {
    const streams = new OpenStreams();
    for (const address of ["10.0.0.1", "10.0.0.2"]) {
      for (const each of origins(BOUNDS.strangersOfAddress.streams, { caller: undefined, address }))
        streams.openStream(each);
    }
    const [another] = origins(1, { caller: undefined, address: "10.0.0.3" }) as [StreamOrigin];
    expect(subjectOf(refusalOf(() => streams.openStream(another)))).toBe("strangers");
    for (const each of origins(1000, { caller: "known" })) streams.openStream(each);
  });

  it("bounds all of them together", () => {
    const streams = new OpenStreams();
    const all = Array.from({ length: BOUNDS.gateway.streams }, (_, n) => `10.0.0.${n % 4}`);
    for (const [n, address] of all.entries()) {
      streams.openStream({ connection: {}, address, caller: `caller-${n % 4}`, kind: "rpc" });
    }
    const another = { connection: {}, address: "10.0.0.9", caller: "late", kind: "rpc" as const };
    expect(subjectOf(refusalOf(() => streams.openStream(another)))).toBe("gateway");
  });

  it("counts a stream for its caller once that is known, with its bytes", () => {
    const streams = new OpenStreams();
    const [unknown] = origins(1, { caller: undefined }) as [StreamOrigin];
    const stream = streams.openStream(unknown);
    stream.hold(BOUNDS.strangersOfAddress.bytes);
    expect(subjectOf(refusalOf(() => stream.hold(1)))).toBe("strangersOfAddress");
    stream.prove("somebody");
    stream.hold(BOUNDS.caller.bytes / 2);
    const [other] = origins(1, { caller: undefined }) as [StreamOrigin];
    streams.openStream(other).hold(BOUNDS.strangersOfAddress.bytes); // nothing of the first is left there
  });

  it("refuses bytes beyond a bound, and has room again when they are let go or their stream is closed", () => {
    const streams = new OpenStreams();
    const [first, second] = origins(2, {}).map((each) => streams.openStream(each));
    first?.hold(BOUNDS.connection.bytes);
    expect(subjectOf(refusalOf(() => second?.hold(1)))).toBe("connection");
    first?.letGo(10);
    second?.hold(10);
    first?.close();
    second?.hold(BOUNDS.connection.bytes - 10);
  });

  it("counts answers beyond the bound too, so that nothing more is taken", () => {
    const streams = new OpenStreams();
    const [first, second] = origins(2, {}).map((each) => streams.openStream(each));
    first?.holdAnswer(BOUNDS.connection.bytes + 1);
    expect(subjectOf(refusalOf(() => second?.hold(1)))).toBe("connection");
  });

  it("makes no error for each of those that it refuses (was: 4 KB each, with a stack)", () => {
    const streams = new OpenStreams();
    const connection = {};
    for (const each of origins(BOUNDS.connection.streams, { connection })) streams.openStream(each);
    const [another] = origins(1, { connection }) as [StreamOrigin];
    expect(refusalOf(() => streams.openStream(another))).toBe(refusalOf(() => streams.openStream(another)));
  });
});
