import { EventEmitter, once } from "node:events";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, connect, type Token } from "../../../src/client/client.js";
import { createOperations } from "../../../src/client/operation.js";
import { operationStatusOf } from "../../../src/client/operation-status.js";
import { otaErrorOf, ownError } from "../../../src/client/ota-error.js";
import { GatewayError } from "../../../src/gateway/failures.js";
import { Operation } from "../../../src/gen/google/longrunning/operations.js";
import {
  SubmitCancelTasksByDeviceMetadata as ListMetadata,
  ListOperationResultsResponse,
} from "../../../src/gen/ota/v1/ota_service.js";
import { wireErrorOf } from "../../../src/grpc/wire/status.js";
import { type FakeAnswers, listenOta } from "../../support/fake-ota-service.js";
import { HandClock } from "../../support/hand-clock.js";

const SPEC = { productKey: "a1", firmwareId: "f1" };
const STORED = Operation.fromPartial({ name: "operations/1" });
const EXPIRED = new GatewayError({ kind: "expired", message: "nothing more arrived within 30 s" });

async function setUp(answers: FakeAnswers, token?: Token): Promise<Client> {
  const client = connect(await listenOta(answers), token === undefined ? {} : { token });
  onTestFinished(() => client.close());
  return client;
}

/** A producer that gives these names and then stays quiet, as a pipe that nobody writes to. */
function quietAfter(...names: readonly string[]) {
  let isReturned = false;
  const waiting = [...names];
  const list: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const value = waiting.shift();
        return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false, value });
      },
      return: async () => {
        isReturned = true;
        return { done: true, value: undefined };
      },
    }),
  };
  return { list, isReturned: () => isReturned };
}

describe("submit", () => {
  it("sends the list in messages, and resolves with the operation", async () => {
    const messages: number[] = [];
    const client = await setUp({
      submit: (call, callback) => {
        call.on("data", ({ deviceNames }) => messages.push(deviceNames.length));
        call.on("end", () => callback(null, STORED));
      },
    });
    const names = Array.from({ length: 25_000 }, (_, n) => `device-${n}`);
    expect((await client.submit(names, SPEC)).name).toBe("operations/1");
    expect(messages).toEqual([0, 10_000, 10_000, 5000]);
  });

  it("rejects at once when it is aborted or refused, while its list is quiet (was: at the next name)", async () => {
    const stop = new AbortController();
    let isRefused = false;
    const client = await setUp({
      submit: (call, callback) => {
        if (isRefused) callback(wireErrorOf(EXPIRED));
        else call.on("data", ({ deviceNames }) => deviceNames.length > 0 && stop.abort(new Error("enough")));
      },
    });
    const aborted = quietAfter("device-1");
    await expect(client.submit(aborted.list, SPEC, { signal: stop.signal })).rejects.toThrow("enough");
    isRefused = true;
    const refused = quietAfter();
    await expect(client.submit(refused.list, SPEC)).rejects.toMatchObject({ reason: "EXPIRED" });
    expect([aborted.isReturned(), refused.isReturned()]).toEqual([true, true]);
  });

  it("waits for a token no longer than its caller does (was: forever)", async () => {
    const client = await setUp({}, () => new Promise(() => {}));
    const stop = new AbortController();
    const given = client.submit([], SPEC, { signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    await expect(client.submit([], SPEC, { timeoutMs: 1 })).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: "the token function did not answer within 1 ms",
    });
  });

  it("rejects with what its list throws, and stores nothing", async () => {
    const events = new EventEmitter();
    const client = await setUp({
      submit: (call) => {
        call.on("data", () => events.emit("begun"));
        call.on("cancelled", () => events.emit("left"));
      },
    });
    const left = once(events, "left");
    const lines = (async function* () {
      await once(events, "begun");
      yield "device-1";
      throw new Error("the file is broken");
    })();
    await expect(client.submit(lines, SPEC)).rejects.toThrow("the file is broken");
    await left;
  });
});

describe("submit, of a list that is not as it should be", () => {
  it("rejects with what it throws before its first name", async () => {
    const client = await setUp({});
    const locked = {
      [Symbol.iterator]: () => {
        throw new TypeError("the stream is locked");
      },
    };
    await expect(client.submit(locked, SPEC)).rejects.toThrow("the stream is locked");
  });

  it("names the first name that is no text (was: null was submitted as the device null)", async () => {
    const client = await setUp({});
    const names = [...Array.from({ length: 10_003 }, (_, n) => `device-${n}`), null] as readonly string[];
    await expect(client.submit(names, SPEC)).rejects.toMatchObject({
      reason: "INVALID_REQUEST",
      violations: [{ field: "device_names[10003]", description: "must be a string, is null" }],
    });
  });
});

describe("submit, of a list that is slow", () => {
  it("gives a sign of life every ten seconds (was: the gateway ended it after 30 s)", async () => {
    const clock = new HandClock();
    const written: { atMs: number; names: number }[] = [];
    let done: (error: ServiceError | null, stored: Operation) => void = () => {};
    const call = Object.assign(new EventEmitter(), {
      write: ({ deviceNames }: { deviceNames: string[] }) =>
        written.push({ atMs: clock.now(), names: deviceNames.length }),
      end: () => done(null, STORED),
      cancel: () => {},
    });
    const submitCancelTasksByDevice = (...[, , callback]: [unknown, unknown, typeof done]) => {
      done = callback;
      return call;
    };
    const { submit } = createOperations({
      clock,
      stub: { getChannel: () => ({}), submitCancelTasksByDevice } as never,
      begin: (start) => start(),
      headersOf: async () => new Metadata(),
      unary: undefined as never,
    });
    const slow = (async function* () {
      yield "device-1";
      await new Promise<void>((over) => void clock.at(25_000, over));
      yield "device-2";
    })();
    const submitted = submit(slow, SPEC);
    await clock.advance(60_000);
    expect((await submitted).name).toBe("operations/1");
    expect(written).toEqual([
      { atMs: 0, names: 0 },
      { atMs: 100, names: 1 },
      { atMs: 10_100, names: 0 },
      { atMs: 20_100, names: 0 },
      { atMs: 25_000, names: 1 },
    ]);
  });
});

/** Operations whose rpcs are answered with these in turn. */
function operationsOf(answers: (() => Promise<object>)[], clock: HandClock) {
  const askedMs: number[] = [];
  const operations = createOperations({
    clock,
    stub: { getChannel: () => ({}) } as never,
    begin: (start) => start(),
    headersOf: async () => new Metadata(),
    unary: (async () => {
      askedMs.push(clock.now());
      return answers.shift()?.();
    }) as never,
  });
  return { ...operations, askedMs };
}

describe("wait", () => {
  function waiting(answers: (() => Promise<Operation>)[], clock = new HandClock()) {
    const { operation, askedMs } = operationsOf(answers, clock);
    return { clock, askedMs, wait: operation("operations/1").wait() };
  }

  const running = async () => STORED;
  const done = async () => ({ ...STORED, done: true });

  it("asks a gateway that answers at once no more than twice a second (was: in a loop)", async () => {
    const { clock, askedMs, wait } = waiting([running, running, done]);
    await clock.advance(2000);
    expect((await wait).done).toBe(true);
    expect(askedMs).toEqual([0, 500, 1000]);
  });

  it("goes on while the gateway is away", async () => {
    const away = async () => Promise.reject(ownError("UNAVAILABLE", "no connection to the gateway"));
    const { clock, wait } = waiting([away, away, done]);
    await clock.advance(2000);
    expect((await wait).done).toBe(true);
  });

  it.each([
    { code: 13, details: "Received RST_STREAM with code 2 (Internal server error)" },
    { code: 1, details: "Received RST_STREAM with code 8 (Call cancelled by remote)" },
    { code: 2, details: "Received HTTP status code 500" },
  ])("goes on when the connection breaks: $details (was: gave up)", async ({ code, details }) => {
    const error = Object.assign(new Error(details), { code, details, metadata: new Metadata() });
    const { clock, wait } = waiting([() => Promise.reject(otaErrorOf(error)), done]);
    await clock.advance(2000);
    expect((await wait).done).toBe(true);
  });

  it.each([
    ["the gateway", new GatewayError({ kind: "internal", message: "a bug" }), "INTERNAL"],
    ["the caller", new GatewayError({ kind: "operation-not-found", message: "gone" }), "OPERATION_NOT_FOUND"],
  ])("gives up at once what %s is to blame for", async (_, error, reason) => {
    const wire = wireErrorOf(error);
    const { wait } = waiting([() => Promise.reject(otaErrorOf(Object.assign(new Error(wire.details), wire)))]);
    await expect(wait).rejects.toMatchObject({ reason });
  });

  it("gives a gateway that has gone a minute from then on (was: from its last answer, almost a minute ago)", async () => {
    const clock = new HandClock();
    const away = () => Promise.reject(ownError("UNAVAILABLE", "no connection to the gateway"));
    const goesAfterItsWait = async () => {
      await new Promise<void>((over) => void clock.at(clock.now() + 50_000, over));
      return away();
    };
    const answers = [goesAfterItsWait, ...Array.from({ length: 200 }, () => away)];
    const { wait, askedMs } = waiting(answers, clock);
    const failed = expect(wait).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await clock.advance(200_000);
    await failed;
    expect(askedMs.at(-1)).toBe(110_500);
  });

  it("goes on for as long as a gateway drains, which answers at once, and for a minute after that", async () => {
    const away = () => Promise.reject(ownError("UNAVAILABLE", "no connection to the gateway"));
    const times = <T>(count: number, answer: T) => Array.from({ length: count }, () => answer);
    const { clock, wait } = waiting([...times(300, running), ...times(100, away), done]);
    await clock.advance(250_000);
    expect((await wait).done).toBe(true);
  });
});

describe("results", () => {
  const page = (deviceName: string, nextPageToken: string) => async () =>
    ListOperationResultsResponse.fromPartial({ results: [{ deviceName }], nextPageToken });

  it("go on with the next page once the gateway is back (was: ended there)", async () => {
    const clock = new HandClock();
    const error = Object.assign(new Error(), { code: 13, details: "Connection dropped", metadata: new Metadata() });
    const broken = () => Promise.reject(otaErrorOf(error));
    const { operation, askedMs } = operationsOf([page("dev-0", "2"), broken, page("dev-1", "")], clock);
    const names: string[] = [];
    const read = async () => {
      for await (const { deviceName } of operation("operations/1").results()) names.push(deviceName);
    };
    await Promise.all([read(), clock.advance(2000)]);
    expect(names).toEqual(["dev-0", "dev-1"]);
    expect(askedMs).toEqual([0, 0, 500]);
  });

  it("fail at once where there is no gateway", async () => {
    const away = () => Promise.reject(ownError("UNAVAILABLE", "no connection to the gateway"));
    const { operation } = operationsOf([away], new HandClock());
    await expect(operation("operations/1").results().next()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("operationStatusOf", () => {
  it("adds up outcomes that only a newer gateway knows (was: the last of them stood for all)", () => {
    const counts = [6, 98, 99].map((outcome) => ({ outcome, devices: 5n }));
    const value = Buffer.from(ListMetadata.encode(ListMetadata.fromPartial({ outcomes: counts })).finish());
    const metadata = { typeUrl: "type.googleapis.com/ota.v1.SubmitCancelTasksByDeviceMetadata", value };
    expect(operationStatusOf({ ...STORED, metadata }).outcomes).toEqual({ UNKNOWN: 15 });
  });
});
