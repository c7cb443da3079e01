import { describe, expect, it } from "vitest";
import type { SentCall } from "../../../src/gateway/call-observer.js";
import { ReadLoop } from "../../../src/verification/read-loop.js";
import { ReadRequest } from "../../../src/verification/read-request.js";
import type { ReadEnd } from "../../../src/verification/task-reader.js";
import { aScope } from "../../support/fake-command.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { FakeTaskReader } from "../../support/fake-task-reader.js";
import { HandClock, settle } from "../../support/hand-clock.js";

const SCOPE = aScope("product", "job");
const NO_ANSWER: ReadEnd = { kind: "lost", message: "no answer came" };

function start({ openingMs = 0 } = {}) {
  const clock = new HandClock();
  const log = new FakeLog();
  const limiter = new FakeLimiter({ clock, openingMs });
  const reader = new FakeTaskReader(clock);
  const sent: SentCall[] = [];
  const observers = [{ sent: (call: SentCall) => sent.push(call), ended: () => {} }];
  const about = { account: "default", operation: "ListOTATaskByJob", observers } as const;
  const loop = new ReadLoop({ ...about, clock, log, limiter, reader });
  const told: string[] = [];
  const read = (caller: string, ...deviceNames: string[]) => {
    const origin = { scope: SCOPE, caller, span: undefined, arrivedMs: clock.now() };
    loop.read(new ReadRequest(origin, deviceNames, (name) => told.push(`${caller}: ${name}`)));
  };
  return { clock, log, limiter, reader, loop, sent, told, read };
}

describe("ReadLoop", () => {
  it("reports each call to observers, with its callers and how long the first has waited", async () => {
    const { clock, reader, sent, read } = start({ openingMs: 1000 });
    reader.reply = (_, nth) => (nth === 0 ? { end: NO_ANSWER } : {});
    read("a", "dev-1", "dev-2");
    await clock.advance(400);
    read("b", "dev-2");
    await clock.advance(3000);
    const inCall = { devices: 2, devicesByCaller: new Map(Object.entries({ a: 2, b: 1 })) };
    const call = { productKey: "product", firmwareId: SCOPE.firmwareId, jobId: "job", ...inCall };
    expect(sent).toEqual([
      { ...call, sentMs: 1000, sentWallMs: clock.wallNow() - 2400, attempt: 1, tokenWaitMs: 1000 },
      { ...call, sentMs: 2020, sentWallMs: clock.wallNow() - 1380, attempt: 2, tokenWaitMs: 2020 },
    ]);
  });

  it("asks a ledger that fails again after a second, and tells the operator", async () => {
    const { clock, log, limiter, told, read } = start();
    limiter.failures = 2;
    read("a", "dev-1");
    await clock.advance(1999);
    expect([limiter.wishes.length, told]).toEqual([2, []]);
    await clock.advance(50);
    expect(told).toEqual(["a: dev-1"]);
    const failures = log.lines.filter(({ message }) => message === "could not take a token");
    expect(failures).toMatchObject(Array(2).fill({ level: "error", fields: { operation: "ListOTATaskByJob" } }));
  });

  it("takes another token if the grant was too old when it came to sending", async () => {
    const { clock, limiter, reader, told, read } = start();
    limiter.staleGrants = 1;
    read("a", "dev-1");
    await clock.advance(1000);
    expect([limiter.granted, reader.calls.length, told]).toEqual([2, 1, ["a: dev-1"]]);
  });

  it("takes no part of a call that throws for an answer, and reads again", async () => {
    const { clock, limiter, reader, told, read } = start();
    reader.reply = (_, nth) => {
      if (nth === 0) throw new Error("broken");
      return {};
    };
    read("a", "dev-1");
    await clock.advance(900);
    expect([limiter.ends, told]).toEqual([[{ kind: "lost" }], []]);
    await clock.advance(200);
    expect(told).toEqual(["a: dev-1"]);
  });

  it("waits for the call under way when it closes, and closes its ledger after that", async () => {
    const { clock, limiter, told, read, loop } = start();
    read("a", "dev-1");
    await settle();
    const closed = loop.close();
    await settle();
    expect(limiter.closed).toBe(false);
    await clock.advance(20);
    await closed;
    expect([limiter.closed, limiter.out, told, clock.armed]).toEqual([true, 0, ["a: dev-1"], 0]);
  });
});
