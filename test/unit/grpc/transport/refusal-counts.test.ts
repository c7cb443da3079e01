import { describe, expect, it } from "vitest";
import { Refusals } from "../../../../src/grpc/transport/refusal-counts.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("Refusals", () => {
  it("tells in one line a period what was refused, and whose addresses were refused most", async () => {
    const [clock, log] = [new HandClock(), new FakeLog()];
    const refusals = new Refusals({ clock, log });
    for (let n = 0; n < 1000; n++) refusals.count("too many: caller", "10.0.0.1");
    for (let n = 0; n < 20; n++) refusals.count("compressed", `10.0.1.${n}`);
    await clock.advance(5000);
    await clock.advance(60_000);
    expect(log.lines).toHaveLength(1);
    const fields = log.lines[0]?.fields as { reasons: object; addresses: object };
    expect(fields.reasons).toEqual({ "too many: caller": 1000, compressed: 20 });
    expect(fields.addresses).toMatchObject({ "10.0.0.1": 1000 });
    expect(Object.keys(fields.addresses)).toHaveLength(8);
    refusals.close();
    expect(log.lines).toHaveLength(1);
  });

  it("names a bounded number of addresses, in the log and to the metrics", () => {
    const named = new Set<string>();
    const counted = (_: string, address: string) => void named.add(address);
    const refusals = new Refusals({ clock: new HandClock(), log: new FakeLog(), counted });
    for (let n = 0; n < 10_000; n++) refusals.count("compressed", `10.${n >> 8}.${n & 255}.1`);
    expect(named.size).toBe(65);
    expect(named).toContain("other");
  });
});
