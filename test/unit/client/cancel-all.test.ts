// cancelAll over a real gRPC port, against a service whose answers a test decides.
import { credentials } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { cancelAll } from "../../../src/client/cancel-all.js";
import { type Client, connect, type DeviceResult, OtaError } from "../../../src/client/client.js";
import { GatewayError, invalid } from "../../../src/gateway/failures.js";
import { CancelTasksByDeviceResponse, OtaServiceClient, Outcome } from "../../../src/gen/ota/v1/ota_service.js";
import { statusOf, wireErrorOf } from "../../../src/grpc/wire/status.js";
import { names } from "../../support/fake-command.js";
import { accepted, answerOf, type FakeStream, listenOta } from "../../support/fake-ota-service.js";
import { HandClock } from "../../support/hand-clock.js";
import { until } from "../../support/processes.js";

const SCOPE = { productKey: "a1", firmwareId: "f1" };

async function setUp(stream: (call: FakeStream, nth: number) => void): Promise<Client> {
  let opened = 0;
  const client = connect(await listenOta({ stream: (call) => stream(call, ++opened) }));
  onTestFinished(() => client.close());
  return client;
}

/** Accepts whatever comes. */
function accept(call: FakeStream): void {
  call.on("data", ({ sequence, request }) => {
    call.write(answerOf(sequence, { response: accepted(request?.deviceNames ?? [], `request-${sequence}`) }));
  });
  call.on("end", () => call.end());
}

const NO_REQUEST = invalid("request", "is required");

function statusFor(kind: "aborted" | "unavailable" | "throttled") {
  return statusOf(new GatewayError({ kind, message: kind }));
}

const WITHDRAWN = { outcome: Outcome.NOT_ATTEMPTED, status: statusFor("aborted") };

/** What became of the devices of a request that were in a call. */
function inCall(sequence: bigint) {
  if (sequence === 1n) return { outcome: Outcome.ACCEPTED };
  if (sequence === 2n) return { outcome: Outcome.UNKNOWN, status: statusFor("unavailable") };
  return { outcome: Outcome.NOT_ATTEMPTED, status: statusFor("throttled") };
}

/** How many devices there are of each outcome and reason. */
function countsOf(told: readonly DeviceResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome, failure } of told) {
    const key = `${outcome} ${failure?.reason ?? ""}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

async function all(results: AsyncIterable<DeviceResult>): Promise<{ told: DeviceResult[]; error: unknown }> {
  const told: DeviceResult[] = [];
  try {
    for await (const result of results) told.push(result);
  } catch (error) {
    return { told, error };
  }
  return { told, error: undefined };
}

describe("cancelAll", () => {
  it("sends any number of names in requests of a thousand, and half-closes the stream after the last", async () => {
    const sizes: number[] = [];
    let isEnded = false;
    const client = await setUp((call) => {
      call.on("data", ({ request }) => sizes.push(request?.deviceNames.length ?? 0));
      accept(call);
      call.on("end", () => {
        isEnded = true;
      });
    });
    let calls = 0;
    const onProgress = (progress: { calls: number }) => {
      calls = progress.calls;
    };
    const { told, error } = await all(client.cancelAll(names(2500), SCOPE, { onProgress }));
    expect(error).toBeUndefined();
    expect(sizes).toEqual([1000, 1000, 500]);
    expect(new Set(told.map(({ deviceName }) => deviceName)).size).toBe(2500);
    expect(told.every(({ ok }) => ok)).toBe(true);
    expect([calls, isEnded]).toEqual([3, true]);
  });

  it("ends at once when there are no names", async () => {
    const client = await setUp(() => {});
    expect(await all(client.cancelAll([], SCOPE))).toEqual({ told: [], error: undefined });
  });

  it("tells what is no name at all by itself (was: one null in a list ended the process)", async () => {
    const client = await setUp(accept);
    const wrong = [null, undefined, 7, {}] as unknown as string[];
    const { told, error } = await all(client.cancelAll(["dev-0", ...wrong, "dev-1"], SCOPE));
    expect(error).toBeUndefined();
    expect(told.filter(({ ok }) => ok).map(({ deviceName }) => deviceName)).toEqual(["dev-0", "dev-1"]);
    const invalid = told.filter(({ ok }) => !ok);
    expect(invalid.map(({ deviceName, outcome }) => [deviceName, outcome])).toEqual(
      wrong.map((name) => [name, "NOT_ATTEMPTED"]),
    );
    for (const { failure } of invalid)
      expect(failure?.message).toMatch(/must be a string, is (null|undefined|number|object)/);
  });

  it.each([0, 1])("is aborted by its own list after %i names (was: the process ended)", async (before) => {
    const client = await setUp(accept);
    const stop = new AbortController();
    const list = (function* () {
      yield* names(before);
      stop.abort(new Error("enough"));
      yield "dev-9";
    })();
    const { told, error } = await all(client.cancelAll(list, SCOPE, { signal: stop.signal }));
    expect([told.length, error]).toEqual([before, new Error("enough")]);
  });

  it("throws what its list throws, also before its first name and when it is not needed any more", async () => {
    const client = await setUp(accept);
    const list = (next: () => string): Iterable<string> => ({
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: next() }),
        return: () => {
          throw new Error("late");
        },
      }),
    });
    const broken = list(() => {
      throw new Error("broken");
    });
    expect(await all(client.cancelAll(broken, SCOPE))).toEqual({ told: [], error: new Error("broken") });
    for await (const { ok } of client.cancelAll(
      list(() => "dev-0"),
      SCOPE,
    )) {
      expect(ok).toBe(true);
      break;
    }
  });

  it("passes on why nothing goes on at the moment", async () => {
    const client = await setUp((call) => {
      call.on("data", ({ sequence, request }) => {
        for (const obstacle of ["the upstream failed", ""]) {
          const progress = { devicesReceived: 1n, devicesSettled: 0n, devicesWaiting: 1n, obstacle };
          call.write({ event: { $case: "progress", progress: { ...progress, expectedRemaining: undefined } } });
        }
        call.write(answerOf(sequence, { response: accepted(request?.deviceNames ?? []) }));
      });
      call.on("end", () => call.end());
    });
    const told: (string | undefined)[] = [];
    await all(client.cancelAll(["dev-0"], SCOPE, { onProgress: ({ obstacle }) => void told.push(obstacle) }));
    expect(told).toEqual(["the upstream failed", undefined, undefined]);
  });

  it("takes no priority that there is not (was: NORMAL, without a word)", async () => {
    const client = await setUp(accept);
    const scope = { ...SCOPE, priority: "URGENT" as "urgent" };
    const refused = { reason: "INVALID_REQUEST", message: "priority must be one of bulk, normal, urgent" };
    expect(await all(client.cancelAll(["dev-0"], scope))).toMatchObject({ told: [], error: refused });
    await expect(client.cancelTasksByDevice({ ...scope, deviceNames: ["dev-0"] })).rejects.toMatchObject(refused);
  });

  it("sends names that trickle in before their request is full", async () => {
    const client = await setUp(accept);
    let goOn = () => {};
    async function* trickle(): AsyncGenerator<string> {
      yield "dev-0";
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      yield "dev-1";
    }
    const results = client.cancelAll(trickle(), SCOPE);
    expect((await results.next()).value).toMatchObject({ deviceName: "dev-0", ok: true });
    goOn();
    expect((await results.next()).value).toMatchObject({ deviceName: "dev-1", ok: true });
    expect((await results.next()).done).toBe(true);
  });

  it("takes no more names than can be under way while nothing is answered, or its results are not read", async () => {
    let received = 0;
    let answer = () => {};
    const client = await setUp((call) => {
      const waiting: (() => void)[] = [];
      call.on("data", ({ sequence, request }) => {
        received += request?.deviceNames.length ?? 0;
        waiting.push(() => call.write(answerOf(sequence, { response: accepted(request?.deviceNames ?? []) })));
      });
      answer = () => {
        for (const one of waiting.splice(0)) one();
      };
    });
    let taken = 0;
    function* endless(): Generator<string> {
      for (;;) yield `dev-${taken++}`;
    }
    const results = client.cancelAll(endless(), SCOPE);
    const first = results.next();
    await until(() => received === 20_000);
    expect(taken).toBeLessThanOrEqual(21_000);
    answer();
    await first; // one of twenty thousand results has been read
    await client.getQuota(); // a way there and back
    expect(taken).toBeLessThanOrEqual(22_000);
    await results.return();
  });

  it("asks again on a new stream for what was not answered on the one that broke", async () => {
    const client = await setUp((call, nth) => {
      if (nth > 1) return accept(call);
      call.on("data", ({ sequence, request }) => {
        if (sequence === 1n) call.write(answerOf(1n, { response: accepted(request?.deviceNames ?? []) }));
        else call.emit("error", wireErrorOf(new GatewayError({ kind: "draining", message: "shutting down" })));
      });
    });
    const { told, error } = await all(client.cancelAll(names(2000), SCOPE));
    expect(error).toBeUndefined();
    expect(told).toHaveLength(2000);
    expect(new Set(told.map(({ deviceName }) => deviceName)).size).toBe(2000);
    expect(told.every(({ outcome }) => outcome === "ACCEPTED")).toBe(true);
  });

  it("when it is aborted, tells UNKNOWN of what was asked for, and then throws the signal's reason", async () => {
    const stop = new AbortController();
    const client = await setUp((call) => {
      call.on("data", ({ sequence, request }) => {
        if (sequence === 1n) call.write(answerOf(1n, { response: accepted(request?.deviceNames ?? []) }));
        if (sequence === 3n) stop.abort(new Error("enough"));
        if (sequence === 0n) call.write(answerOf(0n, { error: statusOf(NO_REQUEST) })); // as before there was `withdraw`
      });
    });
    let returned = false;
    function* endless(): Generator<string> {
      try {
        for (let n = 0; ; n++) yield `dev-${n}`;
      } finally {
        returned = true;
      }
    }
    const { told, error } = await all(client.cancelAll(endless(), SCOPE, { signal: stop.signal }));
    expect(error).toEqual(new Error("enough"));
    const outcomes = new Set(told.map(({ outcome, failure }) => `${outcome} ${failure?.reason ?? ""}`));
    expect(outcomes).toContain("UNKNOWN ABORTED");
    expect(new Set(told.map(({ deviceName }) => deviceName)).size).toBe(told.length);
    // None is missing: the first so many of an endless list.
    const numbers = told.map(({ deviceName }) => Number(deviceName.slice(4))).sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, n) => n));
    expect(returned).toBe(true);
  });

  it("when it is aborted, tells what the gateway still says of what was under way (was: UNKNOWN for 20,000)", async () => {
    const stop = new AbortController();
    const said: boolean[] = [];
    const client = await setUp((call) => {
      const waiting = new Map<bigint, readonly string[]>();
      call.on("data", ({ sequence, request, withdraw }) => {
        if (!withdraw) waiting.set(sequence, request?.deviceNames ?? []);
        if (waiting.size === 3 && !withdraw) stop.abort(new Error("enough"));
        if (!withdraw) return;
        said.push(true);
        for (const [nth, deviceNames] of waiting) {
          const told = CancelTasksByDeviceResponse.fromPartial({
            results: deviceNames.map((deviceName, n) => ({ deviceName, ...(n < 200 ? inCall(nth) : WITHDRAWN) })),
          });
          call.write(answerOf(nth, { response: told }));
        }
      });
      call.on("end", () => call.end());
    });
    const { told, error } = await all(client.cancelAll(names(3000), SCOPE, { signal: stop.signal }));
    expect(error).toEqual(new Error("enough"));
    expect(said).toEqual([true]);
    expect(countsOf(told)).toEqual({
      ...{ "ACCEPTED ": 200, "UNKNOWN UNAVAILABLE": 200 },
      ...{ "NOT_ATTEMPTED THROTTLED": 200, "NOT_ATTEMPTED ABORTED": 2400 },
    });
    expect(new Set(told.map(({ deviceName }) => deviceName)).size).toBe(told.length);
  });

  it("when it is aborted and hears nothing more, gives up after three seconds", async () => {
    const isCanceled = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const address = await listenOta({
      stream: (call) => {
        call.on("data", () => asked.resolve());
        call.on("cancelled", () => isCanceled.resolve());
      },
    });
    const stub = new OtaServiceClient(address, credentials.createInsecure());
    onTestFinished(() => stub.close());
    const clock = new HandClock();
    const stop = new AbortController();
    const open = async () => stub.streamCancelTasksByDevice();
    const ended = all(cancelAll(names(1000), SCOPE, { signal: stop.signal }, { clock, open }));
    await asked.promise;
    stop.abort(new Error("enough"));
    await clock.advance(2999);
    expect(await Promise.race([ended, Promise.resolve("waits")])).toBe("waits");
    await clock.advance(1);
    const { told, error } = await ended;
    expect(countsOf(told)).toEqual({ "UNKNOWN ABORTED": 1000 });
    expect(error).toEqual(new Error("enough"));
    await isCanceled.promise;
    expect(clock.armed).toBe(0);
  });

  it("stops at the first request that is refused for what it asks, and takes no more names", async () => {
    const violations = [{ field: "account", description: "is not configured" }];
    const refusal = new GatewayError({ kind: "invalid", message: "no", violations });
    const client = await setUp((call) => {
      call.on("data", ({ sequence }) => call.write(answerOf(sequence, { error: statusOf(refusal) })));
      call.on("end", () => call.end());
    });
    let taken = 0;
    function* endless(): Generator<string> {
      for (;;) yield `dev-${taken++}`;
    }
    const { told, error } = await all(client.cancelAll(endless(), SCOPE));
    expect(error).toBeInstanceOf(OtaError);
    expect(error).toMatchObject({ reason: "INVALID_REQUEST", violations });
    expect(new Set(told.map(({ outcome }) => outcome))).toEqual(new Set(["NOT_ATTEMPTED"]));
    expect(told).toHaveLength(taken);
  });

  it("passes on what the names throw, after what was under way has its results", async () => {
    const client = await setUp(accept);
    async function* failing(): AsyncGenerator<string> {
      yield* names(1000);
      throw new Error("the file is torn");
    }
    const { told, error } = await all(client.cancelAll(failing(), SCOPE));
    expect(error).toEqual(new Error("the file is torn"));
    expect(told).toHaveLength(1000);
  });
});
