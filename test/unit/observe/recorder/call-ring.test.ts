import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallRing, type RecordedEnd } from "../../../../src/observe/recorder/call-ring.js";
import { END_KINDS } from "../../../../src/observe/recorder/flight-record.js";

const calls: fc.Arbitrary<RecordedEnd[]> = fc.array(
  fc.record({
    sentMs: fc.double({ min: 0, max: 1e11, noNaN: true }),
    endedMs: fc.double({ min: 0, max: 1e11, noNaN: true }),
    arrivedByMs: fc.double({ min: 0, max: 1e11, noNaN: true }),
    kind: fc.constantFrom(...END_KINDS),
    devices: fc.nat(10_000),
    requestId: fc.stringMatching(/^[0-9A-F-]{0,44}$/),
  }),
  { maxLength: 30 },
);

describe("CallRing", () => {
  it("gives back exactly the last calls, in order, and each one that it forgets", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), calls, (capacity, added) => {
        const ring = new CallRing(capacity);
        const forgotten = added.map((call) => ring.add(call)).filter((call) => call !== undefined);
        expect([...ring.calls()]).toEqual(added.slice(-capacity));
        expect(ring.size).toBe(Math.min(added.length, capacity));
        expect(forgotten).toEqual(added.slice(0, Math.max(0, added.length - capacity)));
      }),
    );
  });

  it("cuts a request id that is longer than any of the upstream's", () => {
    const ring = new CallRing(2);
    const call: RecordedEnd = { sentMs: 1, endedMs: 2, kind: "lost", devices: 3, requestId: "x".repeat(1000) };
    ring.add(call);
    ring.add({ ...call, requestId: "short" });
    expect([...ring.calls()].map(({ requestId }) => requestId)).toEqual(["x".repeat(44), "short"]);
  });

  it("shows to a reader what it held when the reader came", () => {
    const ring = new CallRing(2);
    const call: RecordedEnd = { sentMs: 1, endedMs: 2, kind: "accepted", devices: 3, requestId: "" };
    ring.add(call);
    ring.add({ ...call, sentMs: 2 });
    const reading = ring.calls();
    ring.add({ ...call, sentMs: 3 });
    expect([...reading].map(({ sentMs }) => sentMs)).toEqual([1, 2]);
    expect([...ring.calls()].map(({ sentMs }) => sentMs)).toEqual([2, 3]);
  });
});
