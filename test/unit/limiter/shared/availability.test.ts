import { describe, expect, it } from "vitest";
import { Availability } from "../../../../src/limiter/shared/availability.js";
import { replyOf } from "../../../../src/limiter/shared/protocol.js";
import { FakeLog } from "../../../support/fake-log.js";

const reply = (epoch: string) => replyOf([epoch, 0, "", "", "-1", 1500, 0, 0, 10, 0, 3, "", 0, 0, ""]);

describe("Availability", () => {
  it("asks a store that is away again soon, then once a second", () => {
    const availability = new Availability(new FakeLog());
    const miss = () => availability.miss(new Error("not connected"));
    expect([miss(), miss(), miss(), miss(), miss(), miss()]).toEqual([100, 200, 400, 800, 1000, 1000]);
    availability.hear(reply("1"));
    expect([availability.isAway, miss(), availability.isAway]).toEqual([false, 100, true]);
  });

  it("tells the operator when the store goes, when it comes, and when the ledger is another", () => {
    const log = new FakeLog();
    const availability = new Availability(log);
    const away = { level: "warn", message: "the shared ledger cannot be reached", fields: { cause: "not connected" } };
    const told = (acts: readonly (() => void)[]) => {
      const before = log.lines.length;
      for (const act of acts) act();
      return log.lines.slice(before);
    };
    const miss = () => void availability.miss(new Error("not connected"));
    expect(told([miss, miss])).toMatchObject([away]);
    const joined = { message: "the shared ledger has been joined", fields: { opensInMs: 2, replicas: 3 } };
    expect(told([() => availability.hear(reply("1")), () => availability.hear(reply("1"))])).toMatchObject([joined]);
    expect(told([miss, miss])).toMatchObject([away]);
    expect(told([() => availability.hear(reply("1"))])).toMatchObject([
      { message: "the shared ledger can be reached again" },
    ]);
    expect(told([() => availability.hear(reply("2"))])).toMatchObject([joined]);
  });

  it("tells each cause once while the store is away, and which is the latest (was: only the first)", () => {
    const log = new FakeLog();
    const availability = new Availability(log);
    for (const cause of ["ECONNREFUSED", "WRONGPASS", "ECONNREFUSED", "WRONGPASS"]) availability.miss(new Error(cause));
    expect(log.lines.map(({ fields }) => fields)).toEqual([{ cause: "ECONNREFUSED" }, { cause: "WRONGPASS" }]);
    expect(availability.cause).toBe("WRONGPASS");
    availability.hear(reply("1"));
    expect(availability.cause).toBeUndefined();
    for (let n = 0; n < 50; n++) availability.miss(new Error(`cause ${n}`));
    expect(log.lines).toHaveLength(2 + 1 + 10);
  });

  it("tells once a minute that grants come too late to be used", () => {
    const log = new FakeLog();
    const availability = new Availability(log);
    for (const nowMs of [0, 59_999, 60_000, 60_001]) availability.late(300.4, nowMs);
    expect(log.lines).toMatchObject([{ fields: { tookMs: 300 } }, { fields: { tookMs: 300 } }]);
  });
});
