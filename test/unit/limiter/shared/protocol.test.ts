import { describe, expect, it } from "vitest";
import { type Ask, argumentsOf, replyOf } from "../../../../src/limiter/shared/protocol.js";

const ASK: Ask = {
  replica: "a",
  presentForMs: 5000,
  quota: 10,
  countsMs: 4000,
  leaseMs: 4250,
  formerMs: 70,
  stepped: false,
  spaceMs: 105,
  early: false,
  keptAtMost: 5,
  keep: [],
  back: [],
};

/** As the script answers: times in microseconds. */
const RAW = ["7", 5_000_500, "", "", "-1", 0, 0, 0, 10, 4_000_000, 3, "", 0, 0, ""];
const REPLY = {
  ...{ epoch: "7", storeMs: 5000.5, opensInMs: 0, pausedForMs: 0, withheld: 0, free: 10, countsMs: 4000, replicas: 3 },
  ...{ fallbackForMs: 0, yields: false, kept: new Set(), inUseForMs: new Map() },
};

describe("argumentsOf", () => {
  it("says as little as there is to say", () => {
    const said = ["a", "10", "4000", "4250", "", "0", "70", "0"].concat([
      "",
      "0",
      "0",
      "",
      "0",
      "0",
      "0",
      "0",
      "0",
      "",
      "0",
      "5",
      "105",
      "5000",
      "0",
      "0",
    ]);
    expect(argumentsOf(ASK)).toEqual(said);
  });

  it("says what is wanted, what happened, what is kept and what is given back", () => {
    const ask: Ask = {
      ...ASK,
      seen: { epoch: "7", agoMs: 12 },
      stepped: true,
      wish: {
        ...{ token: "a.9", rank: 2, newcomer: true, own: { token: "a.3", inMs: 30 } },
        ...{ aheadMs: 60, tripMs: 50, wantedForMs: 7, forMs: 1500 },
      },
      throttle: { pauseMs: 800, sentAgoMs: 40 },
      early: true,
      keep: ["a.3", "a.4"],
      back: [
        { token: "a.5", used: true },
        { token: "a.6", used: false },
      ],
    };
    expect(argumentsOf(ask)).toEqual([
      ...["a", "10", "4000", "4250", "7", "12", "70", "1", "a.9", "2", "1", "a.3", "30", "60", "50", "7", "1500"],
      ...["800", "40", "5", "105", "5000"],
      ...["1", "2", "a.3", "a.4", "a.5", "-a.6"],
    ]);
  });
});

describe("argumentsOf, of a command between two others", () => {
  it("has no class, so that the store keeps the wish that it knows", () => {
    expect(argumentsOf({ ...ASK, wish: "same" }).slice(8, 11)).toEqual(["", "", "0"]);
  });
});

describe("replyOf", () => {
  it("reads a reply that grants nothing, and says no time", () => {
    expect(replyOf(RAW)).toEqual(REPLY);
  });

  it("reads all that a reply can say", () => {
    const head = ["7", 5_000_500, "a.9", "1", 100_000, 200_000, 300_000, 2, 4, 4_000_000, 3, "b 5", 600_000_000, 0];
    expect(replyOf([...head, "a.3", "a.4", "", "a.9", 0, "b.1", 1_200_000])).toEqual({
      ...REPLY,
      granted: { token: "a.9", ahead: true, inMs: 100 },
      wake: "b 5",
      fallbackForMs: 600_000,
      ...{ opensInMs: 200, pausedForMs: 300, withheld: 2, free: 4 },
      kept: new Set(["a.3", "a.4"]),
      inUseForMs: new Map([
        ["a.9", 0],
        ["b.1", 1200],
      ]),
    });
    const behind = replyOf(RAW.with(2, "a.9").with(3, "0").with(4, 0));
    expect(behind).toEqual({ ...REPLY, granted: { token: "a.9", ahead: false, inMs: 0 } });
    expect(replyOf(RAW.with(4, 70_000).with(13, 1))).toEqual({ ...REPLY, waitMs: 70, yields: true });
  });

  it.each([
    ["nothing", null],
    ["words", "OK"],
    ["too little", RAW.slice(1)],
  ])("takes %s for no reply", (_, raw) => {
    expect(() => replyOf(raw)).toThrow("not one of the ledger's");
  });
});
