import { describe, expect, it } from "vitest";
import type { CallEnd } from "../../../src/gateway/upstream.js";
import type { ReadEnd } from "../../../src/verification/task-reader.js";
import { aScope, names } from "../../support/fake-command.js";
import { aTask } from "../../support/fake-task-reader.js";
import {
  DEVICE_FAULT,
  LOST,
  REJECTED,
  refused,
  THROTTLED,
  UNAVAILABLE,
  UNWRITTEN,
} from "../../support/fake-upstream.js";
import { settle } from "../../support/hand-clock.js";
import { startVerifying, toldBy } from "../../support/verifying.js";

const NO_JOB = aScope("product");

/** The refusal of a whole call, as reads have it too. */
const FORBIDDEN = refused(
  { kind: "rejected", rejection: "forbidden", deviceFault: false },
  { code: "iot.common.RamActionPermissionDeny" },
);

describe("a request that names a batch", () => {
  it("is told what each task was after its cancel, 50 devices a call", async () => {
    const { clock, ofJob, ask } = startVerifying();
    const states = ["CANCELED", "SUCCEEDED", "FAILED"];
    for (const [index, name] of names(120).entries())
      if (index % 4 < 3) ofJob.reader.set(name, states[index % 4] ?? "");
    const request = ask({ deviceNames: names(120) });
    await clock.advance(1000);
    const outcomes = ["verified-canceled", "already-finished", "already-finished", "no-task"];
    expect(await toldBy(request)).toEqual(names(120).map((_, index) => outcomes[index % 4]));
    expect(ofJob.reader.calls.map(({ deviceNames }) => deviceNames.length)).toEqual([50, 50, 20]);
    expect((await request.answer).calls).toHaveLength(1);
    expect(clock.armed).toBe(0);
  });

  it("is not told of tasks of another package or product", async () => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.tasks.set("dev-0", [aTask({ firmwareId: "other" }), aTask({ productKey: "other" })]);
    const request = ask();
    await clock.advance(1000);
    expect(await toldBy(request)).toEqual(["no-task"]);
  });

  it("is read again while the cancel does not show, and told so when it does", async () => {
    const { clock, ofJob, ask } = startVerifying();
    for (const name of names(60)) ofJob.reader.set(name, "CANCELED");
    ofJob.reader.set("dev-7", "NOTIFIED");
    const request = ask({ deviceNames: names(60) });
    await clock.advance(1000);
    ofJob.reader.set("dev-7", "CANCELED");
    await clock.advance(1000);
    expect(new Set(await toldBy(request))).toEqual(new Set(["verified-canceled"]));
    expect(ofJob.reader.calls.slice(2).map(({ deviceNames }) => deviceNames)).toEqual([["dev-7"], ["dev-7"]]);
  });

  it("is told in which state a task stayed, after five readings", async () => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.set("dev-0", "IN_PROGRESS");
    const request = ask({ answerByMs: Infinity });
    await clock.advance(10_000);
    expect(await toldBy(request)).toEqual(["accepted: its task was still IN_PROGRESS after it was read back 5 times"]);
    expect(ofJob.reader.calls).toHaveLength(5);
    expect(clock.armed).toBe(0);
  });

  it("is told just that if the deadline comes first", async () => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.set("dev-0", "QUEUED");
    const request = ask({ answerByMs: 300 });
    await clock.advance(299);
    ofJob.reader.set("dev-0", "CANCELED"); // too late to be seen
    await clock.advance(1);
    expect(await toldBy(request)).toEqual(["accepted: its task was still QUEUED after it was read back once"]);
  });

  it("has its answer at the deadline when no answer comes to the reads, and no time is taken from its cancel", async () => {
    const { clock, ofJob, limiter, ask } = startVerifying();
    ofJob.reader.reply = () => ({ delayMs: 9000, end: notRead(LOST) });
    const request = ask({ answerByMs: 2000 });
    await clock.advance(2000);
    expect(await toldBy(request)).toEqual([
      "accepted: its task was not read back before the deadline; use a longer deadline",
    ]);
    expect(limiter.ends).toEqual([{ kind: "answered" }]);
  });

  it.each<[how: string, end: ReadEnd, token: string]>([
    ["throttled", notRead(THROTTLED), "throttled"],
    ["failed", notRead(UNAVAILABLE), "answered"],
    ["lost", notRead(LOST), "lost"],
    ["unwritten", notRead(UNWRITTEN), "unwritten"],
  ])("is read again after a call that was %s, and given up after five", async (_, end, token) => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.set("dev-0", "CANCELED");
    ofJob.reader.reply = (_names, nth) => (nth < 2 ? { end } : {});
    const request = ask({ answerByMs: Infinity });
    await clock.advance(30_000);
    expect(await toldBy(request)).toEqual(["verified-canceled"]);
    expect(ofJob.limiter.ends.map(({ kind }) => kind)).toEqual([token, token, "answered"]);
    ofJob.reader.reply = () => ({ end });
    const hopeless = ask({ answerByMs: Infinity });
    await clock.advance(60_000);
    expect(await toldBy(hopeless)).toEqual([expect.stringMatching(/^accepted: its task could not be read: /)]);
    expect(ofJob.reader.calls).toHaveLength(3 + 5);
    expect(clock.armed).toBe(0);
  });

  it("costs one call if all of them would be refused alike", async () => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.reply = () => ({ end: notRead(FORBIDDEN) });
    const request = ask({ deviceNames: names(1000) });
    await clock.advance(10_000);
    const why = "accepted: its task could not be read: the upstream refused: iot.common.RamActionPermissionDeny";
    expect(new Set(await toldBy(request))).toEqual(new Set([why]));
    expect(ofJob.reader.calls.length).toBe(1);
  });

  it("suffers nothing from another's device that spoils a reading call", async () => {
    const { clock, ofJob, ask } = startVerifying();
    for (const name of names(9)) ofJob.reader.set(name, "CANCELED");
    ofJob.reader.reply = (deviceNames) => (deviceNames.includes("dev-bad") ? { end: notRead(DEVICE_FAULT) } : {});
    const requests = [ask({ deviceNames: names(9), caller: "a" }), ask({ deviceNames: ["dev-bad"], caller: "b" })];
    await clock.advance(5000);
    expect(await toldBy(requests[0] as (typeof requests)[0])).toEqual(Array(9).fill("verified-canceled"));
    expect(await toldBy(requests[1] as (typeof requests)[0])).toEqual([
      "accepted: its task could not be read: the upstream refused: iot.device.NotExistedDevice",
    ]);
  });

  it.each([
    ["could not be parsed", undefined],
    ["was longer than one page", { tasks: [aTask()], whole: false }],
  ])("claims nothing from a list that %s, and says so", async (why, list) => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.reply = () => ({ end: { kind: "accepted", requestId: "r", list } });
    const request = ask();
    await clock.advance(1000);
    expect(await toldBy(request)).toEqual([`accepted: the upstream's list of tasks ${why}`]);
  });

  it("learns what became of devices whose outcome was not known, and leaves those that were refused", async () => {
    const told = async (verify: boolean) => {
      const { clock, upstream, ofJob, ask } = startVerifying();
      // Every call with more than one device is refused: they are told apart until the budget for
      // that is spent.
      upstream.reply = ({ deviceNames }) => {
        if (deviceNames.length > 1) return { end: DEVICE_FAULT, delayMs: 20 };
        return deviceNames[0] === "dev-3" ? { end: REJECTED, delayMs: 20 } : undefined;
      };
      for (const [index, name] of names(20).entries()) ofJob.reader.set(name, index % 2 === 0 ? "CANCELED" : "QUEUED");
      const request = ask({ deviceNames: names(20), verify });
      await clock.advance(50_000);
      return toldBy(request);
    };
    const [before, after] = [await told(false), await told(true)];
    expect(new Set(before)).toEqual(new Set(["accepted", "rejected", "unknown"]));
    for (const [index, kind] of before.entries()) {
      const isCanceled = index % 2 === 0 && kind !== "rejected";
      const still = "accepted: its task was still QUEUED after it was read back 5 times";
      const otherwise = kind === "accepted" ? still : kind;
      expect(after[index]).toBe(isCanceled ? "verified-canceled" : otherwise);
    }
  });

  it("is not read back if nothing was sent for it", async () => {
    const { clock, upstream, ofJob, ask } = startVerifying();
    upstream.reply = () => ({ end: refused({ kind: "internal", recovered: false }), delayMs: 20 });
    const request = ask();
    await clock.advance(1000);
    expect(await toldBy(request)).toEqual(["not-attempted"]);
    expect(ofJob.reader.calls).toEqual([]);
  });

  it("is not read back while its cancel is still under way", async () => {
    const { clock, ofJob, ask } = startVerifying();
    const request = ask();
    await clock.advance(5);
    request.abort();
    await clock.advance(1000);
    expect(await toldBy(request)).toEqual(["unknown"]);
    expect(ofJob.reader.calls).toEqual([]);
  });

  it("waits for nothing once its caller has left", async () => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.reply = () => ({ delayMs: 5000 });
    const request = ask({ deviceNames: names(5000) });
    await clock.advance(4000);
    const sent = ofJob.reader.calls.length;
    request.abort();
    await settle();
    expect((await toldBy(request)).length).toBe(5000);
    await clock.advance(20_000);
    expect(ofJob.reader.calls).toHaveLength(sent);
    expect(ofJob.limiter.out).toBe(0);
    expect(clock.armed).toBe(0);
  });

  it("is answered when the gateway drains", async () => {
    const { clock, ofJob, gateway, ask } = startVerifying();
    ofJob.reader.reply = () => ({ delayMs: 5000 });
    const request = ask();
    await clock.advance(1000);
    const drained = gateway.drain(500);
    await clock.advance(500);
    await drained;
    expect(await toldBy(request)).toEqual([
      "accepted: its task was not read back before the deadline; use a longer deadline",
    ]);
    const closed = gateway.close();
    await clock.advance(5000);
    await closed;
  });

  it("is not read back for more devices than memory is set aside for, and is cancelled all the same", async () => {
    const { clock, ofJob, ask } = startVerifying();
    const big = ask({ deviceNames: names(60_000), answerByMs: 40_000 });
    await clock.advance(40_000);
    const told = await toldBy(big);
    expect(told.slice(50_000)).toEqual(
      Array(10_000).fill("accepted: its task was not read back: too many devices are being read back; ask again later"),
    );
    const next = ask();
    await clock.advance(1000);
    expect(await toldBy(next)).toEqual(["no-task"]); // what has been answered counts no more
    expect(ofJob.reader.calls.length).toBeGreaterThan(50);
  });
});

describe("a request that names no batch", () => {
  it("learns that no task is left, one device a call, up to the limit", async () => {
    const { clock, ofJob, unfinished, ask } = startVerifying({ mostWithoutJob: 3 });
    unfinished.reader.set("dev-1", "QUEUED");
    unfinished.reader.tasks.set("dev-2", [aTask({ deviceName: "dev-2", firmwareId: "another", state: "QUEUED" })]);
    const request = ask({ scope: NO_JOB, deviceNames: names(5) });
    await clock.advance(20_000);
    const none = expect.stringMatching(/^no-task: it has no unfinished task left; set job_id/);
    const tooMany = expect.stringMatching(/^accepted: its task was not read back: without job_id/);
    expect(await toldBy(request)).toEqual([none, expect.stringMatching(/^accepted.*QUEUED/), none, tooMany, tooMany]);
    expect(ofJob.reader.calls).toEqual([]);
    expect(unfinished.reader.calls.every(({ deviceNames }) => deviceNames.length === 1)).toBe(true);
  });
});

describe("requests that are read back at the same time", () => {
  it("share calls and what these tell, but never a call that was sent before a cancel was done", async () => {
    const { clock, ofJob, ask } = startVerifying();
    ofJob.reader.set("dev-0", "CANCELED");
    ofJob.reader.reply = () => ({ delayMs: 400 });
    const together = [ask({ caller: "a" }), ask({ caller: "b" })];
    await clock.advance(200);
    const late = ask({ caller: "c" });
    await clock.advance(3000);
    expect(await Promise.all([...together, late].map(toldBy))).toEqual(Array(3).fill(["verified-canceled"]));
    expect(ofJob.reader.calls).toHaveLength(2);
  });

  it("take turns by calls", async () => {
    const { clock, ask } = startVerifying();
    ask({ caller: "big", deviceNames: names(10_000), answerByMs: 60_000 });
    await clock.advance(8000);
    const small = ask({ caller: "small", scope: aScope("product", "other"), answerByMs: clock.now() + 1000 });
    await clock.advance(1000);
    expect(await toldBy(small)).toEqual(["no-task"]);
  });
});

function notRead(end: CallEnd): ReadEnd {
  if (end.kind === "accepted") throw new Error("it was");
  return end;
}
