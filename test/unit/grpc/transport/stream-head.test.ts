import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { identify } from "../../../../src/grpc/transport/caller.js";
import { Connection } from "../../../../src/grpc/transport/connections.js";
import { StreamHead } from "../../../../src/grpc/transport/stream-head.js";

describe("StreamHead", () => {
  it("still identifies its caller when it has let go of the other headers", () => {
    const connection = new Connection(new Socket(), "127.0.0.1", 0, { asked() {} });
    const headers = { "x-ota-caller": "alice", authorization: "Bearer a.b.c", traceparent: "00-1-2-01" };
    const head = new StreamHead(headers, connection);
    head.keepCredentials();
    expect(identify(head, undefined)).toEqual({ kind: "caller", name: "alice" });
    const bearer = (values: readonly unknown[]) => ({ kind: "caller" as const, name: values.join() });
    expect(identify(head, { bearer })).toEqual({ kind: "caller", name: "Bearer a.b.c" });
    expect(head.get("traceparent")).toEqual([]);
  });

  it("has no values of headers that were not sent", () => {
    const head = new StreamHead({}, new Connection(new Socket(), "127.0.0.1", 0, { asked() {} }));
    head.keepCredentials();
    expect([head.get("x-ota-caller"), head.get("authorization")]).toEqual([[], []]);
  });
});
