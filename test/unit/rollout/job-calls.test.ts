import { describe, expect, it } from "vitest";
import type { SentCall } from "../../../src/gateway/call-observer.js";
import { JobCalls } from "../../../src/rollout/job-calls.js";
import { JOB_OPERATIONS, type JobCall, type JobOperation } from "../../../src/rollout/job-operator.js";
import { accepted, FakeJobOperator, refused } from "../../support/fake-job-operator.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";

const QUERY: JobCall = { operation: "QueryOTAJob", jobId: "job-1" };
const CLOSE: JobCall = { operation: "CancelOTAStrategyByJob", jobId: "job-1" };
const THROTTLED = refused("Throttling.User", { kind: "throttled" });
const LOST = { kind: "lost", message: "no answer" } as const;

function start() {
  const clock = new HandClock();
  const operator = new FakeJobOperator(clock);
  const ledgers = JOB_OPERATIONS.map((operation) => [operation, new FakeLimiter({ clock })] as const);
  const limiters = Object.fromEntries(ledgers) as unknown as Record<JobOperation, FakeLimiter>;
  const sent: SentCall[] = [];
  const observersOf = () => [{ sent: (call: SentCall) => void sent.push(call), ended: () => {} }];
  const calls = new JobCalls({ account: "default", clock, log: new FakeLog(), operator, limiters, observersOf });
  const call = (
    of: JobCall,
    { caller = "a", untilMs = Infinity, signal = undefined as AbortSignal | undefined } = {},
  ) => calls.call(of, { caller, productKey: "p", firmwareId: "f", iotInstanceId: "iot-1" }, untilMs, signal);
  return { clock, operator, limiters, calls, call, sent };
}

describe("JobCalls", () => {
  it("takes the tokens of each operation from its own ledger", async () => {
    const { clock, limiters, call, operator, sent } = start();
    const ended = Promise.all([call(QUERY), call(CLOSE), call(CLOSE)]);
    await clock.advance(1000);
    expect((await ended).map(({ end }) => end)).toEqual([accepted(), accepted(), accepted()]);
    expect([limiters.QueryOTAJob.granted, limiters.CancelOTAStrategyByJob.granted]).toEqual([1, 2]);
    expect(operator.calls[0]).toMatchObject({ iotInstanceId: "iot-1", call: QUERY });
    expect(sent[0]).toMatchObject({ productKey: "p", firmwareId: "f", jobId: "job-1", devices: 0, attempt: 1 });
  });

  it("lets callers take turns", async () => {
    const { clock, call, operator } = start();
    for (const jobId of ["1", "2", "3"]) void call({ ...QUERY, jobId }, { caller: "many" });
    void call({ ...QUERY, jobId: "other" }, { caller: "few" });
    await clock.advance(2000);
    expect(operator.calls.map(({ call: of }) => "jobId" in of && of.jobId)).toEqual(["1", "other", "2", "3"]);
  });

  it("repeats a read that fails in passing, and a throttled call as often as it takes", async () => {
    const { clock, call, operator } = start();
    operator.reply = (_, nth) => [LOST, THROTTLED, THROTTLED][nth] ?? accepted();
    const ended = call(QUERY);
    await clock.advance(20_000);
    expect(await ended).toMatchObject({ end: accepted(), attempts: 4 });
    operator.reply = () => LOST;
    const lost = call(QUERY);
    await clock.advance(60_000);
    expect(await lost).toMatchObject({ end: LOST, attempts: 5 });
    operator.calls.length = 0;
    operator.reply = (_, nth) => (nth < 6 ? THROTTLED : nth < 8 ? LOST : accepted());
    const both = call(QUERY);
    await clock.advance(60_000);
    expect(await both).toMatchObject({ end: accepted(), attempts: 9 });
  });

  it("leaves it to its caller whether a canceling call is repeated that was never answered", async () => {
    const { clock, call, operator } = start();
    operator.reply = () => LOST;
    const ended = call(CLOSE);
    await clock.advance(1000);
    expect(await ended).toMatchObject({ end: LOST, attempts: 1 });
  });

  it("does not repeat what would be refused again", async () => {
    const { clock, call, operator } = start();
    const no = refused("iot.ota.InvalidJobId", { kind: "rejected", rejection: "not-found", deviceFault: false });
    operator.reply = () => no;
    const ended = call(QUERY);
    await clock.advance(10_000);
    expect(await ended).toMatchObject({ end: no, attempts: 1 });
  });

  it("withdraws what is not sent when its time is over or its caller leaves; a sent call runs on", async () => {
    const { clock, call, operator } = start();
    operator.answerMs = 500;
    const abort = new AbortController();
    const first = call(QUERY, { untilMs: 50 });
    await clock.advance(1);
    const late = call(QUERY, { untilMs: 60 });
    const left = call(QUERY, { signal: abort.signal });
    abort.abort();
    await clock.advance(59);
    expect(await late).toMatchObject({ end: { kind: "withdrawn" }, sentMs: undefined });
    expect(await left).toMatchObject({ end: { kind: "withdrawn" } });
    await clock.advance(1000);
    expect(await first).toMatchObject({ end: accepted() });
    expect(operator.calls).toHaveLength(1);
  });

  it("sends nothing whose time is over, even if its token comes before its timer", async () => {
    const { clock, call, operator } = start();
    operator.answerMs = 500;
    const ahead = new AbortController();
    void call(CLOSE);
    await clock.advance(1);
    void call(CLOSE, { signal: ahead.signal }); // asks for the token that comes at 100
    await clock.advance(1);
    const late = call(CLOSE, { untilMs: 100 });
    ahead.abort();
    await clock.advance(1000);
    expect(await late).toMatchObject({ end: { kind: "withdrawn" }, attempts: 0 });
    expect(operator.calls).toHaveLength(1);
  });

  it("does not repeat a call whose caller leaves while it is in flight, or waits to be repeated", async () => {
    const { clock, call, operator } = start();
    operator.reply = () => refused("ServiceUnavailable", { kind: "unavailable" });
    operator.answerMs = 500;
    const [inFlight, inBackoff] = [new AbortController(), new AbortController()];
    const first = call(CLOSE, { signal: inFlight.signal });
    await clock.advance(100);
    inFlight.abort();
    await clock.advance(10_000);
    expect(await first).toMatchObject({ end: { kind: "refused" }, attempts: 1 });
    const second = call(CLOSE, { signal: inBackoff.signal });
    await clock.advance(600);
    inBackoff.abort();
    await clock.advance(10_000);
    expect(await second).toMatchObject({ end: { kind: "refused" }, attempts: 1 });
    expect(operator.calls).toHaveLength(2);
  });

  it("waits for the calls in flight when it closes, and withdraws the others", async () => {
    const { clock, call, calls, limiters } = start();
    const sent = call(QUERY);
    await clock.advance(1);
    const waiting = call(QUERY);
    const closed = calls.close();
    expect((await waiting).end.kind).toBe("withdrawn");
    await clock.advance(100);
    await closed;
    expect((await sent).end).toEqual(accepted());
    expect((await call(QUERY)).end.kind).toBe("withdrawn");
    expect([limiters.QueryOTAJob.out, clock.armed]).toEqual([0, 0]);
  });
});
