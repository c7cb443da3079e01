import { describe, expect, it } from "vitest";
import type { ConditionKind } from "../../../../src/gateway/account/condition.js";
import { CallFeed } from "../../../../src/observe/admin/call-feed.js";
import { type ShownAccount, snapshotOf } from "../../../../src/observe/admin/snapshot-of.js";
import { anEnd, aSentCall, type Ending } from "../../../support/observed-calls.js";

const NOW_MS = 100_000;

const IDLE: ShownAccount = {
  condition: { kind: "idle", obstacle: "", isForeseeable: true },
  ledger: {
    mode: "in-process",
    callsPerSecond: 10,
    free: 10,
    inFlightSinceMs: [],
    withheld: 0,
    pausedUntilMs: -Infinity,
  },
  waitingDevices: { urgent: 0, normal: 0, bulk: 0 },
  waitingByCaller: new Map(),
  expectedWaitMs: { urgent: 0, normal: 0, bulk: 0 },
  oldestSinceMs: undefined,
  remainingMs: () => 1000,
};

function withLedger(ledger: Partial<ShownAccount["ledger"]>): ShownAccount {
  return { ...IDLE, ledger: { ...IDLE.ledger, ...ledger } };
}

/** A feed that received these ends, the last one just now. */
function fed(...ends: Ending[]): CallFeed {
  const feed = new CallFeed();
  for (const [n, end] of ends.entries()) {
    const call = aSentCall(NOW_MS - (ends.length - n) * 100);
    feed.sent(call);
    feed.ended(call, anEnd(call, end));
  }
  return feed;
}

function snapshot(account: ShownAccount, feed = new CallFeed(), nowMs = NOW_MS) {
  return snapshotOf("default", account, { feed }, nowMs);
}

describe("snapshotOf", () => {
  it("accounts for every token: withheld ones are free ones left unused", () => {
    const { tokens } = snapshot(withLedger({ free: 4, inFlightSinceMs: [1, 2], withheld: 3 }));
    expect(tokens).toEqual({ limit: 10, free: 1, inFlight: 2, cooling: 4, withheld: 3 });
    const throttledJustNow = snapshot(withLedger({ free: 0, inFlightSinceMs: [1], withheld: 2 }));
    expect(throttledJustNow.tokens).toEqual({ limit: 10, free: 0, inFlight: 1, cooling: 9, withheld: 0 });
  });

  it("tells how long the pause lasts, and nothing of one that is over", () => {
    expect(snapshot(withLedger({ pausedUntilMs: NOW_MS + 1500 })).pausedForMs).toBe(1500);
    expect(snapshot(withLedger({ pausedUntilMs: NOW_MS - 1 })).pausedForMs).toBe(0);
    expect(snapshot(IDLE).pausedForMs).toBe(0);
  });

  it("shows the ten callers with most devices waiting, then with most sent, and counts the rest", () => {
    const waitingByCaller = new Map(Array.from({ length: 9 }, (_, n) => [`w${n}`, 100 + n]));
    const feed = new CallFeed();
    const devicesByCaller = new Map(Object.entries({ w0: 5, quiet: 20, small: 1 }));
    const call = aSentCall(NOW_MS, { devices: 26, devicesByCaller });
    feed.sent(call);
    feed.ended(call, anEnd(call, { kind: "accepted", durationMs: 0 }));
    const waitingDevices = { urgent: 6, normal: 900, bulk: 30 };
    const { waiting } = snapshot({ ...IDLE, waitingDevices, waitingByCaller, oldestSinceMs: NOW_MS - 2500 }, feed);
    expect(waiting).toMatchObject({ devices: 936, callers: 9, oldestMs: 2500 });
    const names = waiting.topCallers.map(({ caller }) => caller);
    expect(names).toEqual(["w8", "w7", "w6", "w5", "w4", "w3", "w2", "w1", "w0", "quiet"]);
    expect(waiting.topCallers[8]).toEqual({ caller: "w0", waiting: 100, sentLastMinute: 5, doneInMs: 1000 });
    expect(waiting.topCallers[9]).toEqual({ caller: "quiet", waiting: 0, sentLastMinute: 20 });
    expect(waiting.otherCallers).toEqual({ callers: 1, devices: 0, sentLastMinute: 1 });
  });

  it("leaves out an unknown wait", () => {
    const expectedWaitMs = { urgent: 12.4, normal: Infinity, bulk: Infinity };
    const waitingByCaller = new Map([["a", 3]]);
    const waitingDevices = { urgent: 0, normal: 3, bulk: 0 };
    const account = { ...IDLE, expectedWaitMs, waitingDevices, waitingByCaller, remainingMs: () => Infinity };
    const { waiting } = snapshot(account);
    expect(waiting.classes.urgent).toEqual({ devices: 0, expectedWaitMs: 12 });
    expect(waiting.classes.normal).toEqual({ devices: 3 });
    expect(waiting.topCallers).toEqual([{ caller: "a", waiting: 3, sentLastMinute: 0 }]);
  });

  it("says that a caller's time is only a lower bound while its stream has not been read to its end", () => {
    const account = {
      ...IDLE,
      waitingByCaller: new Map([
        ["a", 3],
        ["b", 2],
      ]),
      waitingDevices: { urgent: 0, normal: 5, bulk: 0 },
    };
    const beside = { feed: new CallFeed(), isStreaming: (caller: string) => caller === "a" };
    expect(snapshotOf("default", account, beside, NOW_MS).waiting.topCallers).toEqual([
      { caller: "a", waiting: 3, sentLastMinute: 0, doneInMs: 1000, isMoreToCome: true },
      { caller: "b", waiting: 2, sentLastMinute: 0, doneInMs: 1000 },
    ]);
  });

  it("is plain JSON, and small even if everybody has a long name", () => {
    const waitingByCaller = new Map(Array.from({ length: 500 }, (_, n) => [`${n}${"n".repeat(500)}`, 1]));
    const account = { ...IDLE, waitingByCaller, waitingDevices: { urgent: 0, normal: 500, bulk: 0 } };
    const all = snapshot(account, fed(...Array(40).fill({ kind: "refused", durationMs: 1, code: "c".repeat(500) })));
    expect(JSON.parse(JSON.stringify(all))).toEqual(all);
    expect(JSON.stringify(all).length).toBeLessThan(20_000);
  });
});

describe("the words of a snapshot", () => {
  const throttled: Ending = { kind: "refused", durationMs: 1, requestId: "r", code: "Throttling", throttled: true };
  const accepted: Ending = { kind: "accepted", durationMs: 1, requestId: "r" };

  const trouble = {
    kind: "refused",
    cause: "x",
    sinceMs: 0,
    endedMs: 0,
    callers: ["a", "\u202eb"],
    otherCallers: 4,
  } as const;
  const of = (kind: ConditionKind, obstacle = "", ledger: Partial<ShownAccount["ledger"]> = {}): ShownAccount => ({
    ...withLedger(ledger),
    condition: { kind, obstacle, isForeseeable: true, trouble },
  });

  it.each<[string, string, RegExp, ShownAccount]>([
    ["Canceling", "good", /at most 10/, of("canceling")],
    ["Idle", "good", /Nothing waits/, of("idle")],
    ["Not yet proven", "wait", /not known/, of("unproven")],
    ["Opening", "wait", /earlier process/, of("opening", "it opens")],
    ["Ledger away", "bad", /Nothing is sent/, of("ledger-away", "ECONNREFUSED", { mode: "away" })],
    ["Ledger away", "bad", /own share/, of("ledger-away", "", { mode: "away" })],
    [
      "Paused",
      "wait",
      /^Throttled for a while\.$/,
      of("throttled", "throttled for a while", { pausedUntilMs: NOW_MS + 500 }),
    ],
    ["Throttled", "wait", /^Every call\.$/, of("throttled", "every call")],
    ["Yielding", "wait", /2 tokens are left unused/, of("throttled", "", { withheld: 2 })],
    ["All refused", "bad", /^Refused: x\. .* a, \\u\{202E\}b and others\.$/, of("refused", "refused: x")],
    ["Not permitted", "bad", /^No permission\. /, of("forbidden", "no permission")],
    ["No answers", "bad", /^No answer\. Devices are retried/, of("no-answers", "no answer")],
    ["Upstream fails", "bad", /^It fails\. /, of("failing", "it fails")],
    ["Keys refused", "bad", /^Keys\. Callers get INTERNAL\.$/, of("keys-refused", "keys")],
    ["Nothing sent", "bad", /^No token\.$/, of("stalled", "no token")],
  ])("are %s (%s): %s", (state, tone, meaning, account) => {
    expect(snapshot(account).words).toMatchObject({ state, tone, meaning: expect.stringMatching(meaning) });
  });

  it("are about the one thing that must never happen, before everything else", () => {
    const account = withLedger({ callsPerSecond: 5 });
    const { words } = snapshot(account, fed(...Array<Ending>(10).fill(accepted)));
    expect(words).toMatchObject({ state: "Above quota", tone: "bad" });
  });

  it("tell whether other programs seem to use the account", () => {
    expect(snapshot(IDLE, fed(accepted)).words.others).toMatch(/^None detected/);
    expect(snapshot(withLedger({ withheld: 1 }), fed(throttled)).words.others).toMatch(
      /^Probably, .* 1 call was throttled/,
    );
    expect(snapshot(IDLE, fed(throttled, throttled)).words.others).toMatch(
      /^Not at the moment\. 2 calls were throttled/,
    );
  });

  it("tell where the tokens are", () => {
    expect(snapshot(IDLE).words.ledger).toMatch(/in this process/);
    const early = (fallbackUntilMs: number) => withLedger({ arrived: { hiddenMs: 0, fallbackUntilMs } });
    expect(snapshot(early(-Infinity)).words.ledger).toMatch(/process.* They return early/);
    expect(snapshot(early(Infinity)).words.ledger).toMatch(/process.* For ten minutes they do not return early/);
    expect(snapshot(withLedger({ mode: "shared", replicas: 3 })).words.ledger).toMatch(/shared by 3 gateways/);
    expect(snapshot(withLedger({ mode: "away", obstacle: "away", cause: "the store refused" })).words.ledger).toBe(
      "The token store cannot be reached: the store refused.",
    );
    expect(snapshot(withLedger({ mode: "away", cause: "the store refused" })).words.ledger).toMatch(
      /the store refused\. Some tokens stay reserved/,
    );
  });
});
