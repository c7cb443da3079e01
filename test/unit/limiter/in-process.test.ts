// Time is turned by hand; only Bottleneck's own few milliseconds of scheduling are real and waited
// for.
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Limiter, Token } from "../../../src/gateway/limiter.js";
import { createInProcessLedger } from "../../../src/limiter/in-process.js";
import { OPENING_MS } from "../../../src/limiter/token-rule.js";
import { HandClock, settle } from "../../support/hand-clock.js";

const QUOTA = 4;
const CALL_TIMEOUT_MS = 3000;
const never = new AbortController().signal;
setMaxListeners(0, never);

let clock: HandClock;
let ledger: Limiter;

beforeEach(() => {
  clock = new HandClock();
  ledger = createInProcessLedger({ clock, callsPerSecond: QUOTA, callTimeoutMs: CALL_TIMEOUT_MS });
});
afterEach(() => ledger.close());

async function open(): Promise<void> {
  await clock.advance(OPENING_MS);
  await free(QUOTA);
}

/** Until so many tokens are free; Bottleneck may take a moment to start their jobs. */
async function free(tokens: number): Promise<void> {
  do await clock.advance(0);
  while (ledger.state().free !== tokens);
}

async function takeAndSend(newcomer = false): Promise<Token> {
  const taking = ledger.take({ priority: "normal", newcomer }, never);
  await clock.advance(1000 / QUOTA);
  const token = await taking;
  token.send();
  return token;
}

/** Whether the take has been granted by now. */
async function isGranted(taking: Promise<Token>): Promise<boolean> {
  let granted = false;
  taking.then(
    () => {
      granted = true;
    },
    () => {},
  );
  await settle();
  return granted;
}

describe("createInProcessLedger", () => {
  it("starts with all tokens out, until no call of a predecessor can be travelling", async () => {
    expect(ledger.state().coolingUntilMs).toEqual(Array(QUOTA).fill(OPENING_MS)); // from the first moment
    const taking = ledger.take({ priority: "normal", newcomer: true }, never);
    await clock.advance(OPENING_MS - 1);
    expect(ledger.state().mode).toBe("opening");
    expect(await isGranted(taking)).toBe(false);
    await clock.advance(1);
    expect(ledger.state().mode).toBe("in-process");
    await free(QUOTA - 1);
    await taking;
  });

  it("grants no more than N tokens at a time", async () => {
    await open();
    for (let n = 0; n < QUOTA; n++) await takeAndSend();
    const taking = ledger.take({ priority: "normal", newcomer: true }, never);
    await clock.advance(60_000);
    expect(await isGranted(taking)).toBe(false);
    expect(ledger.state()).toMatchObject({ free: 0, coolingUntilMs: [] });
    expect(ledger.state().inFlightSinceMs).toHaveLength(QUOTA);
    taking.catch(() => {});
  });

  it.each([
    ["answered", 1000],
    ["throttled", 1000],
    ["lost", CALL_TIMEOUT_MS + 2000],
  ] as const)("has the token of a call that was %s back after its time, and not before", async (kind, cooling) => {
    await open();
    const token = await takeAndSend();
    token.settle({ kind });
    await clock.advance(cooling - 1);
    expect(ledger.state().free).toBe(QUOTA - 1);
    await clock.advance(1);
    await free(QUOTA);
  });

  it("has the token of a call of which nothing was written back at once", async () => {
    await open();
    const token = await takeAndSend();
    expect(ledger.state().free).toBe(QUOTA - 1);
    token.settle({ kind: "unwritten" });
    expect(ledger.state().free).toBe(QUOTA);
  });

  it("refuses to settle a token twice", async () => {
    await open();
    const token = await takeAndSend();
    token.settle({ kind: "answered" });
    expect(() => token.settle({ kind: "answered" })).toThrow("settled twice");
  });

  it("spaces calls evenly, and marks a newcomer that did not have to wait for that", async () => {
    await open();
    const first = await ledger.take({ priority: "normal", newcomer: true }, never);
    expect(first.newcomer).toBe(false); // nobody had to wait
    const paced = ledger.take({ priority: "normal", newcomer: false }, never);
    await clock.advance(1000 / QUOTA - 1);
    expect(await isGranted(paced)).toBe(false);
    await clock.advance(1);
    await paced;
    for (const token of [first, await paced]) {
      token.send();
      token.settle({ kind: "unwritten" });
    }
    expect((await ledger.take({ priority: "normal", newcomer: true }, never)).newcomer).toBe(true);
  });

  it("spaces calls further apart when answers take longer, for tokens are out longer", async () => {
    await open();
    expect(ledger.state().spaceMs).toBe(1000 / QUOTA);
    const token = await takeAndSend();
    await clock.advance(160);
    token.settle({ kind: "answered" });
    expect(ledger.state().spaceMs).toBeCloseTo((1000 + 160 / 8) / QUOTA);
    await ledger.take({ priority: "normal", newcomer: false }, never);
    const next = ledger.take({ priority: "normal", newcomer: false }, never);
    await clock.advance(1000 / QUOTA);
    expect(await isGranted(next)).toBe(false);
    await clock.advance(160 / 8 / QUOTA);
    await next;
  });

  it("spaces calls evenly after a pause in which nobody asked (was: the second came after half a space)", async () => {
    await open();
    await takeAndSend();
    await clock.advance(700);
    await ledger.take({ priority: "normal", newcomer: false }, never);
    const next = ledger.take({ priority: "normal", newcomer: false }, never);
    await clock.advance(1000 / QUOTA - 1);
    expect(await isGranted(next)).toBe(false);
    await clock.advance(1);
    await next;
  });

  it("does not count an unused token as a start", async () => {
    await open();
    const unneeded = await ledger.take({ priority: "normal", newcomer: false }, never);
    unneeded.settle({ kind: "unwritten" });
    expect(await isGranted(ledger.take({ priority: "normal", newcomer: false }, never))).toBe(true);
  });

  it("pauses when throttled, then leaves a token unused for a while", async () => {
    await open();
    const token = await takeAndSend();
    token.settle({ kind: "throttled", retryAfterMs: 5000 });
    const taking = ledger.take({ priority: "normal", newcomer: true }, never);
    await clock.advance(4999);
    expect(await isGranted(taking)).toBe(false);
    expect(ledger.state().withheld).toBe(1);
    await clock.advance(1);
    await taking;
    for (let n = 0; n < QUOTA - 2; n++) await takeAndSend();
    const last = ledger.take({ priority: "normal", newcomer: false }, never);
    await clock.advance(1000);
    expect(await isGranted(last)).toBe(false);
    last.catch(() => {});
  });

  it("uses a withheld token again while no other comes back (was: only when one did)", async () => {
    await open();
    const token = await takeAndSend();
    const throttledMs = clock.now();
    token.settle({ kind: "throttled", retryAfterMs: 500 });
    await clock.advance(1000);
    await free(QUOTA);
    for (let n = 0; n < QUOTA - 1; n++) await takeAndSend(); // and none is answered
    const taking = ledger.take({ priority: "normal", newcomer: false }, never);
    await clock.advance(throttledMs + 9999 - clock.now());
    expect(await isGranted(taking)).toBe(false);
    await clock.advance(1);
    expect(await isGranted(taking)).toBe(true);
  });

  it("takes nothing for a taker who has left", async () => {
    await open();
    const abort = new AbortController();
    await ledger.take({ priority: "normal", newcomer: false }, never);
    const taking = ledger.take({ priority: "normal", newcomer: false }, abort.signal);
    abort.abort(new Error("not needed"));
    await expect(taking).rejects.toThrow("not needed");
    await clock.advance(1000);
    expect(ledger.state().free).toBe(QUOTA - 1);
    await expect(ledger.take({ priority: "normal", newcomer: false }, abort.signal)).rejects.toThrow("not needed");
  });

  it("serves takers in the order they came", async () => {
    await open();
    const order: number[] = [];
    const takes = [1, 2, 3].map((n) =>
      ledger.take({ priority: "normal", newcomer: false }, never).then(() => order.push(n)),
    );
    await clock.advance(1000);
    await Promise.all(takes);
    expect(order).toEqual([1, 2, 3]);
  });

  it("knows when the token of an answered call is back", async () => {
    await open();
    (await takeAndSend()).settle({ kind: "answered" });
    await settle();
    const { free, inFlightSinceMs, coolingUntilMs } = ledger.state();
    expect([free, inFlightSinceMs, coolingUntilMs]).toEqual([QUOTA - 1, [], [clock.now() + 1000]]);
  });

  it.each([
    ["before it has opened", async () => {}],
    ["while calls are paced", () => open().then(() => ledger.take({ priority: "normal", newcomer: false }, never))],
  ])("lets go of everything when it closes %s", async (_, before) => {
    await before();
    const taking = ledger.take({ priority: "normal", newcomer: false }, never);
    const refused = expect(taking).rejects.toThrow("closed");
    await ledger.close();
    await refused;
    expect(clock.armed).toBe(0);
    await expect(ledger.take({ priority: "normal", newcomer: false }, never)).rejects.toThrow("closed");
  });

  it("waits for nothing when a call ends after it has closed", async () => {
    await open();
    const token = await takeAndSend();
    await ledger.close();
    token.settle({ kind: "answered" });
    await settle();
    expect(clock.armed).toBe(0);
  });
});
