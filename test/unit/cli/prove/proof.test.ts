import { describe, expect, it } from "vitest";
import { Incomparable, type Proof, prove } from "../../../../src/cli/prove/proof.js";
import { proofJson, proofText } from "../../../../src/cli/prove/proof-text.js";
import { answered, type CallLine, fileOf, readText } from "../../observe/recorder/records.js";

/** The only proof of these files. */
async function proofOf(texts: readonly string[], clockErrorMs = 0): Promise<Proof> {
  const records = await Promise.all(texts.map((text, n) => readText(text, `${n}.jsonl`)));
  const [proof, ...others] = prove(records.flat(), clockErrorMs);
  expect(others).toEqual([]);
  return proof as Proof;
}

function call(kind: string, sent: number, ended?: number): CallLine {
  return { ...answered(sent, 0), kind, ...(ended === undefined ? { ended: undefined as never } : { ended }) };
}

describe("prove", () => {
  it("counts a call from its sending to its answer", async () => {
    const proof = await proofOf([fileOf([answered(0, 100), answered(1099.999, 1200), answered(1100, 1300)])]);
    expect(proof.mostArrivals).toBe(2);
    expect(proof.worst?.fromWallMs).toBe(Date.parse("2026-01-01T00:00:00.100Z"));
    expect(proof.worst?.calls.map(({ requestId }) => requestId)).toEqual(["R-0", "R-1099.999"]);
  });

  it("counts a call until it had arrived, if the upstream was asserted to count on arrival", async () => {
    const early = { ...answered(0, 300), arrivedBy: 100 };
    const calls = (sent: number) => fileOf([early, answered(sent, sent + 100)]);
    const proof = await proofOf([calls(1100)]);
    expect(proof).toMatchObject({ mostArrivals: 1, arrivedEarly: 1 });
    expect(proofText(proof)).toContain("assumes that the upstream counts calls when they arrive");
    expect((await proofOf([calls(1099.999)])).mostArrivals).toBe(2);
    await expect(readText(fileOf([{ ...early, arrivedBy: 300.001 }]))).rejects.toThrow("needs arrivedBy");
  });

  it.each([
    // The first call is sent at 0 and given up at 500; its interval ends at 10,000 + 1000 - 0.001 ms.
    ["lost", call("lost", 0, 500), 11_999.998, 2],
    ["lost", call("lost", 0, 500), 11_999.999, 1],
    ["lost and given up late", call("lost", 0, 20_000), 20_999.999, 2],
    ["lost and given up late", call("lost", 0, 20_000), 21_000, 1],
    ["in flight", call("in-flight", 0), 60_000, 2],
    ["refused", call("refused", 0, 500), 1499.999, 2],
    ["refused for rate", call("throttled", 0, 500), 1499.999, 2],
    ["refused for rate", call("throttled", 0, 500), 1500, 1],
    ["never written", call("unwritten", 0, 500), 500, 1],
  ])("takes a call that is %s for what it can have been", async (_, first, sent, most) => {
    expect((await proofOf([fileOf([first, answered(sent, sent)])])).mostArrivals).toBe(most);
  });

  it("counts the calls of each kind, also those that never arrived", async () => {
    const calls = [call("accepted", 0, 1), call("lost", 5, 6), call("unwritten", 7, 8), call("in-flight", 9)];
    expect((await proofOf([fileOf(calls)])).calls).toEqual({
      accepted: 1,
      refused: 0,
      throttled: 0,
      lost: 1,
      unwritten: 1,
      "in-flight": 1,
    });
  });

  it("holds without a call", async () => {
    expect(await proofOf([fileOf([])])).toMatchObject({ mostArrivals: 0, worst: undefined });
  });

  it("merges files of one process by its own clock, whatever its wall clock did between them", async () => {
    const early = fileOf([answered(0, 100), answered(50, 150), call("in-flight", 900)], { writtenAtMs: 1000 });
    const late = fileOf([answered(50, 150), answered(900, 1050), answered(1150, 1200)], {
      writtenAt: "2027-07-07T07:07:07.000Z",
      completeSinceMs: 120,
    });
    for (const order of [
      [early, late],
      [late, early],
    ]) {
      const proof = await proofOf(order);
      expect(proof.clocks).toBe(1);
      expect(proof.calls).toMatchObject({ accepted: 4, "in-flight": 0 });
      expect(proof.mostArrivals).toBe(3); // in the second from 0.1 s on; had one been counted twice, 4
    }
  });

  it("counts calls that are alike in one file as two", async () => {
    const twice = fileOf([answered(5, 6), answered(5, 6)]);
    expect((await proofOf([twice])).mostArrivals).toBe(2);
    expect((await proofOf([twice, twice])).mostArrivals).toBe(2);
    expect((await proofOf([fileOf([answered(5, 6)]), twice])).mostArrivals).toBe(2);
  });

  it("sets processes against each other by their wall clocks", async () => {
    // The second began 30 s later: its 0 is the other's 30,000.
    const first = fileOf([answered(30_000, 30_100)]);
    const second = (sent: number) =>
      fileOf([answered(sent, sent + 10)], { recording: "recording-2", writtenAtMs: 30_000 });
    expect(await proofOf([first, second(1099)])).toMatchObject({ mostArrivals: 2, clocks: 2 });
    expect(await proofOf([first, second(1100)])).toMatchObject({ mostArrivals: 1, clocks: 2 });
    // Each may be wrong by 5 ms: one late, the other early.
    expect((await proofOf([first, second(1110)], 5)).widened).toEqual({ clockErrorMs: 5, mostArrivals: 1 });
    expect((await proofOf([first, second(1109.999)], 5)).widened).toEqual({ clockErrorMs: 5, mostArrivals: 2 });
  });

  it("proves each account on its own", async () => {
    const other = { account: "other", callsPerSecond: 7, recording: "recording-2" };
    const records = await readText(fileOf([answered(0, 1)]) + fileOf([answered(0, 1), answered(0, 1)], other));
    expect(prove(records).map(({ account, mostArrivals }) => [account, mostArrivals])).toEqual([
      ["default", 1],
      ["other", 2],
    ]);
  });

  it("does not choose between two quotas", async () => {
    const records = [
      ...(await readText(fileOf([]))),
      ...(await readText(fileOf([], { callsPerSecond: 3 }), "b.jsonl")),
    ];
    expect(() => prove(records)).toThrow(Incomparable);
    expect(() => prove(records)).toThrow('b.jsonl allows account "default" 3 calls a second, a.jsonl 2');
  });
});

describe("proofText", () => {
  const calls = [answered(0, 100), answered(50, 150), call("unwritten", 60, 61)];

  it("is short and ends with the verdict", async () => {
    expect(proofText(await proofOf([fileOf(calls)]))).toBe(`account        default, 2 calls a second allowed
recorded       2026-01-01T00:00:00.000000Z to 2026-01-01T00:01:00.000000Z, 3 calls of gw-1 (0.jsonl)
calls          3: 2 accepted, 0 refused, 0 refused for rate, 0 lost, 0 in flight, 1 never written
most arrivals  2 in any one second, first in the second from 2026-01-01T00:00:00.100000Z
Note: the verdict covers the calls in the files, not those of other gateways and senders
PROVED: no second can have held more than 2 arrivals from this process.
`);
  });

  it("says whose calls a verdict is about, if the ledger was shared by more (was: as if it were the account)", async () => {
    const shared = { ledger: "shared", replicas: 3 } as const;
    const first = fileOf(calls, shared);
    const second = fileOf([], { ...shared, recording: "recording-2" });
    const third = fileOf([], { ...shared, recording: "recording-3", replicas: 2 });
    const asked = "give a file from each to prove it for all";
    const one = proofText(await proofOf([first]));
    expect(one).toContain(`Note: the ledger was shared by 3 replicas, but the files are from 1; ${asked}\n`);
    expect(one).toMatch(
      /\nPROVED for the calls of this process only: no second can have held more than 2 arrivals from it\.\n$/,
    );
    const two = proofText(await proofOf([first, first, second]));
    expect(two).toContain(`Note: the ledger was shared by 3 replicas, but the files are from 2; ${asked}\n`);
    expect(two).toMatch(
      /\nPROVED for the calls of these 2 processes only: no second can have held more than 2 arrivals from them\.\n$/,
    );
    const all = proofText(await proofOf([first, second, third]));
    expect(all).toMatch(/\nPROVED: no second can have held more than 2 arrivals from these 3 processes\.\n$/);
    expect(all).toContain("Note: the verdict covers the calls in the files, not those of other gateways");
    expect(all).not.toContain("the files are of");
  });

  it("asks for every replica's file where the ledger was shared by nobody knows how many", async () => {
    const text = proofText(await proofOf([fileOf(calls, { ledger: "shared" })]));
    expect(text).toContain("Note: the ledger was shared; give a file from each replica to prove it for all\n");
  });

  it("lists what can have arrived in a second that held too many", async () => {
    const proof = await proofOf([fileOf([...calls, call("in-flight", 1099.999)])]);
    const text = proofText(proof);
    expect(text).toContain(
      "sent 2026-01-01T00:00:00.050000Z, ended 2026-01-01T00:00:00.150000Z, accepted R-50 of gw-1",
    );
    expect(text).toContain("sent 2026-01-01T00:00:01.099999Z, not ended, in-flight R-1099.999 of gw-1");
    expect(text).toMatch(/\nNOT PROVED: one second can have held 3 arrivals, but 2 are allowed\.\n$/);
  });

  it("lists no more than fifty of them", async () => {
    const many = Array.from({ length: 60 }, (_, n) => answered(n, 100));
    expect(proofText(await proofOf([fileOf(many)]))).toContain("accepted R-49 of gw-1\n  and 10 more\n");
  });

  it("says what the result rests on", async () => {
    const second = fileOf([call("throttled", 5, 6)], { recording: "recording-2" });
    const text = proofText(await proofOf([fileOf([call("in-flight", 0)]), second], 5));
    expect(text).toContain("at most 2 if every time is wrong by up to 5 ms");
    expect(text).toContain("Note: the verdict assumes that the wall clocks of 2 processes agree\n");
    expect(text).toContain("Note: 1 in flight when a file was written can have arrived after that\n");
    expect(text).toContain(
      "Note: the upstream refused 1 for rate: if the verdict holds, another sender uses the account",
    );
  });

  it("says from when on a file is complete", async () => {
    const text = proofText(await proofOf([fileOf(calls, { completeSinceMs: 20.5 })]));
    expect(text).toContain("recorded       2026-01-01T00:00:00.020500Z to 2026-01-01T00:01:00.000000Z");
  });

  it("prints nothing that a terminal would take for a command", async () => {
    const text = proofText(await proofOf([fileOf([], { account: "\u001b[2J\u009b\u202eevil" })]));
    expect(text).toContain("account        ?[2J??evil");
  });
});

describe("proofJson", () => {
  it("says the same to programs", async () => {
    const proof = await proofOf([fileOf([answered(0, 100), answered(50, 150)])], 1);
    expect(proofJson(proof)).toEqual({
      account: "default",
      callsPerSecond: 2,
      recorded: [
        {
          file: "0.jsonl",
          replica: "gw-1",
          from: "2026-01-01T00:00:00.000000Z",
          to: "2026-01-01T00:01:00.000000Z",
          calls: 2,
        },
      ],
      clocks: 1,
      replicas: null,
      calls: { accepted: 2, refused: 0, throttled: 0, lost: 0, unwritten: 0, "in-flight": 0 },
      mostArrivals: 2,
      second: "2026-01-01T00:00:00.100000Z",
      widened: { clockErrorMs: 1, mostArrivals: 2 },
      notes: ["the verdict covers the calls in the files, not those of other gateways and senders"],
      holds: true,
    });
  });

  it("says how many replicas shared the ledger, as the files know it", async () => {
    const proof = await proofOf([fileOf([], { ledger: "shared", replicas: 3 })]);
    expect(proofJson(proof)).toMatchObject({ clocks: 1, replicas: 3, holds: true });
  });

  it("has no second if nothing ever arrived", async () => {
    expect(proofJson(await proofOf([fileOf([])]))).toMatchObject({ second: null, mostArrivals: 0, holds: true });
  });
});
