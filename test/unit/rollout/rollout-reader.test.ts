import { describe, expect, it } from "vitest";
import { JobCalls } from "../../../src/rollout/job-calls.js";
import { JOB_OPERATIONS, type JobCall, type JobOperation, type JobRow } from "../../../src/rollout/job-operator.js";
import { RolloutReader } from "../../../src/rollout/rollout-reader.js";
import { accepted, FakeJobOperator, refused } from "../../support/fake-job-operator.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";

const QUESTION = { productKey: "a1", firmwareId: "f1", jobId: "", iotInstanceId: "" };

function aJob(jobId: string, more: Partial<JobRow> = {}): JobRow {
  const created = "2026-01-01T00:00:00.000Z";
  return { jobId, status: "IN_PROGRESS", kind: "static", productKey: "a1", firmwareId: "f1", created, ...more };
}

function start(rows: readonly JobRow[], totals: Readonly<Record<string, number>> = { QUEUED: 7, SUCCEEDED: 2 }) {
  const clock = new HandClock();
  const operator = new FakeJobOperator(clock);
  const ledgers = JOB_OPERATIONS.map((operation) => [operation, new FakeLimiter({ clock })] as const);
  const limiters = Object.fromEntries(ledgers) as unknown as Record<JobOperation, FakeLimiter>;
  const calls = new JobCalls({
    ...{ account: "default", clock, log: new FakeLog(), operator, limiters },
    observersOf: () => [],
  });
  const reader = new RolloutReader({ clock, calls });
  const sum = Object.values(totals).reduce((all, total) => all + total, 0);
  operator.reply = (call) => {
    if (call.operation === "ListOTAJobByFirmware") return accepted({ kind: "jobs", jobs: rows, isLast: true });
    if (call.operation !== "ListOTATaskByJob") return accepted();
    const total = call.state ? (totals[call.state] ?? 0) : sum;
    const tasks = total > 0 ? [{ deviceName: "", state: call.state ?? "QUEUED" }] : [];
    return accepted({ kind: "tasks", total, tasks });
  };
  const read = (untilMs = Infinity, more: Partial<typeof QUESTION> = {}, signal = new AbortController().signal) =>
    reader.read({ ...QUESTION, ...more }, { caller: "a" }, untilMs, signal);
  const counts = () => operator.calls.filter(({ call }) => call.operation === "ListOTATaskByJob");
  return { clock, operator, read, counts };
}

describe("RolloutReader", () => {
  it("reads the batches of the product, and counts those that may have open tasks", async () => {
    const { clock, read, counts } = start([
      aJob("new", { kind: "dynamic" }),
      aJob("foreign", { productKey: "a2" }),
      aJob("other-package", { firmwareId: "f2" }),
      aJob("closed", { kind: "dynamic", status: "CANCELED" }),
      aJob("old", { status: "COMPLETED" }),
    ]);
    const reading = read();
    await clock.advance(10_000);
    const { batches, readWallMs } = await reading;
    expect(batches.map(({ jobId }) => jobId)).toEqual(["new", "closed", "old"]);
    expect(batches[0]).toMatchObject({
      kind: "dynamic",
      incomplete: "",
      counts: { QUEUED: 7, SUCCEEDED: 2, FAILED: 0 },
    });
    expect(batches[2]).toMatchObject({ incomplete: "not counted: the batch is over", counts: {} });
    expect(readWallMs).toBe(clock.wallNow() - 10_000);
    // Those that say what a stop would reach come first.
    expect(
      counts()
        .slice(0, 4)
        .map(({ call }) => "jobId" in call && call.jobId),
    ).toEqual(Array(4).fill("new"));
    expect(new Set(counts().map(({ call }) => "jobId" in call && call.jobId))).toEqual(new Set(["new", "closed"]));
  });

  it("shares one reading among equal requests, and keeps it for two seconds", async () => {
    const { clock, read, operator } = start([aJob("one")]);
    const readings = [read(), read()];
    await clock.advance(2000);
    await Promise.all(readings);
    const made = operator.calls.length;
    await read();
    expect(operator.calls).toHaveLength(made);
    await clock.advance(2000);
    const again = read();
    await clock.advance(2000);
    await again;
    expect(operator.calls).toHaveLength(2 * made);
  });

  it("answers at the deadline with what is known, while another caller's reading goes on", async () => {
    const { clock, read } = start([aJob("one")]);
    const [partial, whole] = [read(300), read()];
    await clock.advance(300);
    const { batches } = await partial;
    expect(batches[0]?.incomplete).toMatch(/: not counted yet$/);
    expect(batches[0]?.counts).toHaveProperty("CONFIRM");
    await clock.advance(3000);
    expect((await whole).batches[0]?.incomplete).toBe("");
  });

  it("makes no further call once every caller has left", async () => {
    const { clock, read, operator } = start([aJob("one"), aJob("two")]);
    const left = new AbortController();
    const reading = read(Infinity, {}, left.signal);
    await clock.advance(300);
    left.abort();
    await reading;
    const made = operator.calls.length;
    await clock.advance(10_000);
    expect(operator.calls).toHaveLength(made);
    expect(clock.armed).toBe(0);
  });

  it("queries a batch that the list does not tell, and shows no counts if that does not either", async () => {
    const { clock, read, operator } = start([aJob("told", { kind: undefined }), aJob("untold", { productKey: "" })]);
    const usual = operator.reply;
    operator.reply = (call, nth) => {
      if (call.operation !== "QueryOTAJob") return usual(call, nth);
      return accepted(call.jobId === "told" ? { kind: "job", job: aJob("told", { kind: "verify" }) } : undefined);
    };
    const reading = read();
    await clock.advance(10_000);
    const { batches } = await reading;
    expect(batches[0]).toMatchObject({ jobId: "told", kind: "verify", incomplete: "" });
    expect(batches[1]).toMatchObject({
      jobId: "untold",
      counts: {},
      incomplete: expect.stringContaining("does not say") as string,
    });
  });

  it("fails for a batch of another product as for one that does not exist", async () => {
    const { clock, read, operator } = start([aJob("mine"), aJob("foreign", { productKey: "a2" })]);
    const foreign = expect(read(Infinity, { jobId: "foreign" })).rejects.toMatchObject({
      failure: { kind: "rejected", rejection: "not-found" },
    });
    await clock.advance(1000);
    await foreign;
    const usual = operator.reply;
    const none = refused("iot.ota.InvalidJobId", { kind: "rejected", rejection: "not-found", deviceFault: false });
    operator.reply = (call, nth) => (call.operation === "QueryOTAJob" ? none : usual(call, nth));
    const missing = expect(read(Infinity, { jobId: "missing" })).rejects.toMatchObject({
      failure: { kind: "rejected", rejection: "not-found", upstream: { code: "iot.ota.InvalidJobId" } },
    });
    await clock.advance(1000);
    await missing;
  });

  it("fails if the batches cannot be listed: by the upstream's refusal, or by the deadline", async () => {
    const { clock, read, operator } = start([]);
    operator.reply = () =>
      refused("iot.ota.FirmwareNotFound", { kind: "rejected", rejection: "not-found", deviceFault: false });
    const refusal = expect(read()).rejects.toMatchObject({ failure: { kind: "rejected" } });
    await clock.advance(1000);
    await refusal;
    await clock.advance(5000);
    operator.answerMs = 5000;
    const late = expect(read(clock.now() + 1000)).rejects.toMatchObject({ failure: { kind: "expired" } });
    await clock.advance(1000);
    await late;
  });

  it("rejects with an unexpected error at once (was: waited for the deadline, and ended the process)", async () => {
    const clock = new HandClock();
    const reader = new RolloutReader({ clock, calls: { call: () => Promise.reject(new Error("broken")) } });
    const read = () => reader.read(QUESTION, { caller: "a" }, 60_000, new AbortController().signal);
    await expect(read()).rejects.toThrow("broken");
    await expect(read()).rejects.toThrow("broken");
    expect(clock.armed).toBe(0);
  });

  it.each<[string, (call: JobCall) => Parameters<typeof accepted>[0], RegExp]>([
    [
      "lists other states than it was asked for",
      () => ({ kind: "tasks", total: 7, tasks: [{ deviceName: "", state: "QUEUED" }] }),
      /did not list by state/,
    ],
    [
      "counts what it does not list",
      () => ({ kind: "tasks", total: 7, tasks: [] }),
      /counted tasks that it did not list/,
    ],
    ["cannot be understood", () => undefined, /could not be parsed/],
    [
      "counts all tasks in each state",
      (call) => ({
        kind: "tasks",
        total: 1000,
        tasks: [{ deviceName: "", state: ("state" in call && call.state) || "QUEUED" }],
      }),
      /exceed the 1000 tasks/,
    ],
  ])("takes no count from an upstream that %s", async (_, answer, why) => {
    const { clock, read, operator } = start([aJob("one")]);
    const usual = operator.reply;
    operator.reply = (call, nth) => (call.operation === "ListOTATaskByJob" ? accepted(answer(call)) : usual(call, nth));
    const reading = read();
    await clock.advance(10_000);
    expect((await reading).batches[0]?.incomplete).toMatch(why);
  });
});
