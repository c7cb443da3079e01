import { describe, expect, it } from "vitest";
import { CallLoop } from "../../../../src/gateway/call/call-loop.js";
import type { SentCall } from "../../../../src/gateway/call-observer.js";
import type { Token, Wish } from "../../../../src/gateway/limiter.js";
import type { CallEnd } from "../../../../src/gateway/upstream.js";
import { FakeLimiter } from "../../../support/fake-limiter.js";
import { FakeLog } from "../../../support/fake-log.js";
import { accepted, LOST, THROTTLED, UNWRITTEN } from "../../../support/fake-upstream.js";
import { HandClock, settle } from "../../../support/hand-clock.js";

/** A call of one piece of work that is sent. */
class SentPiece {
  readonly waiters = [];
  readonly #sent: SentCall[];

  constructor(sent: SentCall[]) {
    this.#sent = sent;
  }

  sentCall(sentMs: number, sentWallMs: number): SentCall {
    const scope = { productKey: "product", firmwareId: "firmware", jobId: "" };
    const call = { sentMs, sentWallMs, ...scope, devices: 1, devicesByCaller: new Map(), attempt: 1, tokenWaitMs: 0 };
    this.#sent.push(call);
    return call;
  }
}

/** A started loop over a list of work. A call takes the first piece; its answer takes 20 ms. */
function start({ openingMs = 0 } = {}) {
  const clock = new HandClock();
  const limiter = new FakeLimiter({ clock, openingMs });
  const log = new FakeLog();
  const sent: SentCall[] = [];
  const queue: string[] = [];
  const begun: string[] = [];
  const done: string[] = [];
  const on = {
    wish: { priority: "normal", newcomer: false } as Wish,
    cut: (_token: Token): string | undefined => queue.shift(),
    send: (_batch: string, _sentMs: number): Promise<CallEnd> =>
      new Promise((resolve) => clock.at(clock.now() + 20, () => resolve(accepted()))),
    conclude: async (batch: string, end: CallEnd, durationMs: number) => {
      done.push(`${batch} ${end.kind} ${durationMs}`);
    },
  };
  const loop = new CallLoop<string, SentPiece & { batch: string }, CallEnd>({
    account: "default",
    operation: "CancelOTATaskByDevice",
    clock,
    log,
    limiter,
    wish: () => (queue.length > 0 ? on.wish : undefined),
    cut: (token) => on.cut(token),
    putBack: (batch) => void queue.unshift(batch),
    begin(batch) {
      begun.push(batch);
      return Object.assign(new SentPiece(sent), { batch });
    },
    send: (batch, sentMs) => on.send(batch, sentMs),
    conclude: ({ batch }, end, durationMs) => on.conclude(batch, end, durationMs),
  });
  loop.start();
  const add = (...work: string[]) => {
    queue.push(...work);
    loop.wake();
  };
  return { clock, limiter, log, loop, queue, sent, begun, done, on, add };
}

describe("CallLoop", () => {
  it("takes no token while nothing waits, and one for each call", async () => {
    const { clock, limiter, done, add } = start();
    await clock.advance(5000);
    expect(limiter.wishes).toEqual([]);
    add("a", "b");
    await clock.advance(1000);
    expect(done).toEqual(["a accepted 20", "b accepted 20"]);
    expect([limiter.granted, limiter.ends]).toEqual([2, [{ kind: "answered" }, { kind: "answered" }]]);
  });

  it("asks for the token with the wish of the moment, and cuts by the token it gets", async () => {
    const { clock, limiter, on, add } = start();
    const cutBy: boolean[] = [];
    const { cut } = on;
    on.cut = (token) => {
      cutBy.push(token.newcomer);
      return cut(token);
    };
    on.wish = { priority: "urgent", newcomer: true };
    add("a", "b");
    await clock.advance(10);
    expect(limiter.wishes).toEqual(Array(2).fill({ priority: "urgent", newcomer: true }));
    expect(cutBy).toEqual([false, true]);
  });

  it("lets the time of a call run from when its token was used", async () => {
    const { clock, sent, on, add } = start();
    const times: number[] = [];
    const { send } = on;
    on.send = (batch, sentMs) => {
      times.push(sentMs);
      return send(batch, sentMs);
    };
    await clock.advance(700);
    add("a");
    await clock.advance(100);
    expect(times).toEqual(sent.map(({ sentMs }) => sentMs));
    expect(times).toHaveLength(1);
  });

  it("cuts after the token: what comes while a token is awaited is there to be cut", async () => {
    const { clock, queue, done, on, add } = start({ openingMs: 1000 });
    on.cut = () => (queue.length > 0 ? queue.splice(0).join("+") : undefined);
    add("a");
    await clock.advance(900);
    add("b");
    await clock.advance(200);
    expect(done).toEqual(["a+b accepted 20"]);
  });

  it.each([
    ["answered", accepted(), { kind: "answered" }],
    ["refused for rate", THROTTLED, { kind: "throttled" }],
    ["lost", LOST, { kind: "lost" }],
    ["unwritten", UNWRITTEN, { kind: "unwritten" }],
  ])("settles the token of a call that was %s by that end, before the call is concluded", async (_, end, tokenEnd) => {
    const { clock, limiter, on, add } = start();
    on.send = async () => end;
    const outAtConclusion: number[] = [];
    on.conclude = async () => void outAtConclusion.push(limiter.out);
    add("a");
    await clock.advance(10);
    expect([limiter.ends, outAtConclusion]).toMatchObject([[tokenEnd], [0]]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("broken");
      },
    ],
    ["rejects", () => Promise.reject(new Error("broken"))],
  ])("takes a call for lost if its client %s, and tells the operator", async (_, send) => {
    const { clock, limiter, log, done, on, add } = start();
    on.send = send;
    add("a");
    await clock.advance(10);
    expect([limiter.ends, done]).toEqual([[{ kind: "lost" }], ["a lost 0"]]);
    const fields = { err: new Error("broken"), operation: "CancelOTATaskByDevice", account: "default" };
    expect(log.lines.filter(({ level }) => level === "error")).toEqual([
      { level: "error", fields, message: "the upstream client threw an error" },
    ]);
  });

  it("puts the batch back if the grant is too old to be used, and sends it with the next token", async () => {
    const { clock, limiter, begun, done, add } = start();
    limiter.staleGrants = 2;
    add("a", "b");
    await clock.advance(1000);
    expect([limiter.granted, begun, limiter.out]).toEqual([4, ["a", "b"], 0]);
    expect(done).toEqual(["a accepted 20", "b accepted 20"]);
    expect(limiter.ends.map(({ kind }) => kind)).toEqual(["unwritten", "unwritten", "answered", "answered"]);
  });

  it("gives back a token that fits nothing, and takes no other until something has changed", async () => {
    const { clock, limiter, loop, done, on, add } = start();
    const { cut } = on;
    on.cut = () => undefined;
    add("a");
    await clock.advance(5000);
    expect([limiter.granted, limiter.ends]).toEqual([1, [{ kind: "unwritten" }]]);
    on.cut = cut;
    loop.wake();
    await clock.advance(100);
    expect(done).toEqual(["a accepted 20"]);
  });

  it("takes another token at once if one for newcomers only fits nothing", async () => {
    const { clock, limiter, done, on, add } = start();
    const { cut } = on;
    on.cut = (token) => {
      if (!token.newcomer) return cut(token);
      on.wish = { priority: "normal", newcomer: false }; // it has left
      return undefined;
    };
    add("a");
    await settle();
    on.wish = { priority: "normal", newcomer: true };
    add("b");
    await clock.advance(200);
    expect(done).toEqual(["a accepted 20", "b accepted 20"]);
    expect(limiter.wishes.map(({ newcomer }) => newcomer)).toEqual([false, true, false]);
    expect(limiter.ends.map(({ kind }) => kind)).toEqual(["unwritten", "answered", "answered"]);
  });

  it("takes again with the current wish when asked to, and takes nothing if there is none", async () => {
    const { clock, limiter, loop, queue, on, add } = start({ openingMs: 1000 });
    add("a");
    await settle();
    expect(loop.wish).toEqual({ priority: "normal", newcomer: false });
    on.wish = { priority: "urgent", newcomer: false };
    loop.wishAgain();
    await settle();
    expect(limiter.wishes.map(({ priority }) => priority)).toEqual(["normal", "urgent"]);
    queue.splice(0);
    loop.wishAgain();
    await clock.advance(5000);
    expect([limiter.granted, limiter.wishes.length, loop.wish, clock.armed]).toEqual([0, 2, undefined, 0]);
  });

  it("asks a failing limiter again after a second, or when asked to, and reports it to the operator", async () => {
    const { clock, limiter, log, loop, done, add } = start();
    limiter.failures = 3;
    add("a");
    await clock.advance(999);
    expect(limiter.wishes).toHaveLength(1);
    await clock.advance(1);
    expect(limiter.wishes).toHaveLength(2);
    loop.wishAgain();
    await clock.advance(999);
    expect(limiter.wishes).toHaveLength(3);
    await clock.advance(21);
    expect(done).toEqual(["a accepted 20"]);
    const fields = { operation: "CancelOTATaskByDevice", account: "default" };
    expect(log.lines.filter(({ level }) => level === "error")).toMatchObject(
      Array(3).fill({ message: "could not take a token", fields }),
    );
  });

  it("goes on with other work while a conclusion waits, and wakes when it is over", async () => {
    const { clock, loop, queue, done, on, add } = start();
    const { conclude } = on;
    on.conclude = async (batch, end, durationMs) => {
      if (done.length === 0) {
        done.push("refused");
        await loop.sleep(500);
        queue.push("again");
      } else await conclude(batch, end, durationMs);
    };
    add("a");
    await clock.advance(100);
    add("b");
    await clock.advance(300);
    expect(done).toEqual(["refused", "b accepted 20"]);
    await clock.advance(200);
    expect(done).toEqual(["refused", "b accepted 20", "again accepted 20"]);
  });
});

describe("CallLoop.close", () => {
  it("waits for the calls under way and their conclusions", async () => {
    const { clock, loop, done, add } = start();
    add("a");
    await settle();
    let closed = false;
    const closing = loop.close().then(() => {
      closed = true;
    });
    await clock.advance(19);
    expect([closed, done]).toEqual([false, []]);
    await clock.advance(1);
    await closing;
    expect(done).toEqual(["a accepted 20"]);
  });

  it("ends a wait for a token, for work, and after a failure", async () => {
    const awaiting = start({ openingMs: 5000 });
    awaiting.add("a");
    const idle = start();
    const failing = start();
    failing.limiter.failures = 1;
    failing.add("a");
    for (const { clock, loop, limiter } of [awaiting, idle, failing]) {
      await settle();
      await loop.close();
      await clock.advance(10_000);
      expect([limiter.granted, clock.armed]).toEqual([0, 0]);
    }
    expect([awaiting.queue, failing.queue]).toEqual([["a"], ["a"]]);
  });

  it("gives back a token that was granted as it closed, and leaves the work in the queue (was: it was sent)", async () => {
    const { clock, limiter, loop, queue, begun, add } = start();
    const take = limiter.take.bind(limiter);
    limiter.take = async (wish, signal) => {
      const token = await take(wish, signal);
      void loop.close();
      return token;
    };
    add("a");
    await clock.advance(5000);
    expect([limiter.granted, limiter.ends, begun, queue]).toEqual([1, [{ kind: "unwritten" }], [], ["a"]]);
  });

  it("cuts every wait of a conclusion short, and leaves no timer and no warning of a leak", async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    process.on("warning", listen);
    const { clock, loop, done, on, add } = start();
    on.conclude = async (batch) => {
      await loop.sleep(60_000);
      done.push(batch);
    };
    add(..."abcdefghijklmno");
    await clock.advance(5000);
    await loop.close();
    await settle();
    process.off("warning", listen);
    expect([done.length, clock.armed, warnings]).toEqual([15, 0, []]);
  });
});
