// Submissions over a real port, under the hand clock: how long a stream may be silent and last, what
// is refused, and that nothing is left of it.
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Operation } from "../../../../src/gen/google/longrunning/operations.js";
import {
  type CancelSpec,
  OtaServiceClient,
  SubmitCancelTasksByDeviceRequest,
} from "../../../../src/gen/ota/v1/ota_service.js";
import { startGrpcServer } from "../../../../src/grpc/server.js";
import { CallerBook } from "../../../../src/identity/caller-book.js";
import type { Identity } from "../../../../src/identity/identity.js";
import { Operations } from "../../../../src/operations/operations.js";
import { StoreUnavailable, type Submission } from "../../../../src/operations/store.js";
import { FakeLog } from "../../../support/fake-log.js";
import { failureOf } from "../../../support/grpc-failure.js";
import { HandClock, settle } from "../../../support/hand-clock.js";
import { oneGateway } from "../../../support/idle-gateway.js";
import { until } from "../../../support/processes.js";
import { openSqlite } from "../../../support/sqlite-world.js";
import { WIDE_BOUNDS } from "../../../support/stored-operation.js";

const SPEC: Partial<CancelSpec> = { productKey: "product", firmwareId: "firmware" };
const FLEET: Identity = { kind: "caller", name: "fleet" };

async function setUp() {
  const [clock, log] = [new HandClock({ wallMs: Date.now() }), new FakeLog()];
  const { store } = await openSqlite(WIDE_BOUNDS, ":memory:", clock);
  const gateways = oneGateway(clock, log);
  const refusals: string[] = [];
  /** Whose credentials these are: looked at when a stream opens, and for each message. */
  const world = { identity: FLEET, looks: 0, commits: 0, committing: Promise.resolve() };
  const publish = store.publish.bind(store);
  Object.assign(store, {
    publish: async (submission: Submission) => {
      world.commits++;
      await world.committing;
      return publish(submission);
    },
  });
  const operations = new Operations({
    ...{ clock, log, gateways, open: async () => store, holder: "here" },
    ...{ mostDevicesPerOperation: 100_000, mostOperationsPerCaller: 10 },
    stops: { accounts: new Map(), forbidden: () => undefined, planned: () => {} },
    ...{ forbidden: () => undefined, ended: () => {}, spanOf: () => undefined },
  });
  await operations.open();
  const nothing = () => {};
  const server = await startGrpcServer("127.0.0.1", 0, {
    ...{ clock, log, defaultDeadlineMs: 60_000, gateways, rollouts: new Map(), maxDevices: 10 },
    ...{ callers: new CallerBook(new Map()), operations },
    bearer: () => {
      world.looks++;
      return world.identity;
    },
    audit: {
      ...{ submitted: nothing, rolloutRefused: nothing, stopped: nothing },
      refused: (error) => void refusals.push((error as Error).message),
    },
  });
  const client = new OtaServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  onTestFinished(async () => {
    client.close();
    await server.close(100);
  });

  function open(headers: Readonly<Record<string, string>> = {}) {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    let call!: ReturnType<OtaServiceClient["submitCancelTasksByDevice"]>;
    const answer = new Promise<Operation>((resolve, reject) => {
      call = client.submitCancelTasksByDevice(metadata, (error: ServiceError | null, operation) =>
        error ? reject(error) : resolve(operation),
      );
    });
    answer.catch(() => {}); // looked at later
    /** Resolves when the gateway has taken the message. */
    const send = async (message: { spec?: Partial<CancelSpec>; deviceNames?: string[] }) => {
      const before = world.looks;
      call.write(SubmitCancelTasksByDeviceRequest.fromPartial(message));
      await until(() => world.looks > before);
      await settle();
    };
    return { call, answer, send };
  }

  /** Opens a stream, which has been taken with its spec and a name. */
  async function begun(headers?: Readonly<Record<string, string>>) {
    const stream = open(headers);
    const before = world.looks;
    stream.call.write(SubmitCancelTasksByDeviceRequest.fromPartial({ spec: SPEC, deviceNames: ["device-0"] }));
    await until(() => world.looks >= before + 2); // one for the stream
    await settle();
    return stream;
  }

  const stored = async () => [(await store.list({ most: 10 })).length, await store.storedDevices()];
  return { clock, operations, world, refusals, open, begun, stored };
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `device-${n}`);

describe("SubmitStream", () => {
  it("may be silent for 30 s after each message, and not longer; nothing is stored then", async () => {
    const { clock, refusals, begun, stored } = await setUp();
    const { answer, send } = await begun();
    await clock.advance(29_999);
    await send({ deviceNames: ["device-1"] });
    await clock.advance(29_999);
    expect(refusals).toEqual([]);
    await clock.advance(1);
    expect(await failureOf(answer)).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "EXPIRED" });
    expect(refusals).toEqual(["nothing more arrived within 30 s; nothing was stored"]);
    expect(await stored()).toEqual([0, 0]);
  });

  it("may last ten minutes, and then says that it took too long (was: to try again, for ten minutes more)", async () => {
    const { clock, begun, stored } = await setUp();
    const { answer, send } = await begun();
    for (let seconds = 0; seconds < 580; seconds += 20) {
      await send({ deviceNames: names(1) });
      await clock.advance(20_000);
    }
    await send({ deviceNames: names(1) });
    await clock.advance(20_000);
    expect(await failureOf(answer)).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      reason: "EXPIRED",
      message: expect.stringContaining("10 minutes"),
    });
    expect(await stored()).toEqual([0, 0]);
  });

  it("ends a margin before its deadline, unless it was stored by then", async () => {
    const { clock, refusals, begun, stored } = await setUp();
    const { answer } = await begun({ "grpc-timeout": "5000m" });
    await clock.advance(4799);
    expect(refusals).toEqual([]);
    await clock.advance(1);
    expect(await failureOf(answer)).toMatchObject({ code: "DEADLINE_EXCEEDED", reason: "EXPIRED" });
    expect(refusals).toEqual(["the deadline passed before the list was stored"]);
    expect(await stored()).toEqual([0, 0]);
  });

  it("says at its deadline that it may be stored, if the commit is under way; what the store then says holds", async () => {
    const { clock, world, refusals, begun, stored } = await setUp();
    const [committing, failing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    for (const [{ promise }, end] of [
      [committing, committing.resolve],
      [failing, () => failing.reject(new StoreUnavailable("away"))],
    ] as const) {
      world.committing = promise;
      const { call, answer } = await begun({ "grpc-timeout": "5000m" });
      const before = world.commits;
      call.end();
      await until(() => world.commits > before);
      await clock.advance(4800);
      expect(await failureOf(answer)).toMatchObject({ code: "UNKNOWN", reason: "SUBMISSION_UNKNOWN" });
      end();
    }
    await until(() => refusals.length > 0);
    expect(refusals).toEqual(["the store of operations cannot be used at the moment; retry"]);
    // Nothing of the other is left after a sweep; a small operation counts as a hundred devices.
    await until(async () => {
      await clock.advance(600_000);
      return (await stored()).join() === "1,100";
    });
  });

  it("has its spec in the first message and in no other, and at most 10,000 names in each", async () => {
    const { open, begun, stored } = await setUp();
    const expectWrong = async ({ answer }: ReturnType<typeof open>, field: string) =>
      expect(await failureOf(answer)).toMatchObject({ reason: "INVALID_REQUEST", violations: [{ field }] });
    const without = open();
    without.call.write(SubmitCancelTasksByDeviceRequest.fromPartial({ deviceNames: ["device-0"] }));
    await expectWrong(without, "spec");
    const empty = open();
    empty.call.end();
    await expectWrong(empty, "spec");
    const twice = await begun();
    await twice.send({ spec: SPEC });
    await expectWrong(twice, "spec");
    const long = await begun();
    await long.send({ deviceNames: names(10_001) });
    await expectWrong(long, "device_names");
    expect(await stored()).toEqual([0, 0]);
  });

  it("is refused beyond four of one caller, until one of them has ended", async () => {
    const { begun, open, world } = await setUp();
    const four = [await begun(), await begun(), await begun(), await begun()];
    const fifth = open();
    fifth.call.write(SubmitCancelTasksByDeviceRequest.fromPartial({ spec: SPEC, deviceNames: names(1) }));
    expect(await failureOf(fifth.answer)).toMatchObject({ reason: "OVERLOADED", quotaSubjects: ["caller"] });
    world.identity = { kind: "caller", name: "another" };
    const others = await begun();
    others.call.end();
    expect((await others.answer).done).toBe(false);
    world.identity = FLEET;
    four[0]?.call.end();
    await four[0]?.answer;
    const again = await begun();
    again.call.end();
    expect((await again.answer).done).toBe(false);
  });

  it("leaves nothing behind when its caller leaves", async () => {
    const { begun, refusals, stored } = await setUp();
    const { call, send } = await begun();
    await send({ deviceNames: names(10_000) }); // some of them are stored at once
    call.cancel();
    await until(() => refusals.length > 0);
    expect(refusals).toEqual(["the caller left before the list was complete"]);
    await until(async () => (await stored())[1] === 0);
    expect(await stored()).toEqual([0, 0]);
  });

  it("ends when the credentials of its caller do, or name another", async () => {
    const { begun, world, stored } = await setUp();
    const { answer, send } = await begun();
    world.identity = { kind: "caller", name: "another" };
    await send({ deviceNames: ["device-1"] });
    expect(await failureOf(answer)).toMatchObject({ reason: "UNAUTHENTICATED" });
    expect(await stored()).toEqual([0, 0]);
  });

  it("is refused while the gateway drains, with a time to retry", async () => {
    const { open, operations, clock } = await setUp();
    const left = operations.leave();
    await clock.advance(0);
    await left;
    const { answer, call } = open();
    call.write(SubmitCancelTasksByDeviceRequest.fromPartial({ spec: SPEC, deviceNames: ["device-0"] }));
    expect(await failureOf(answer)).toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING", retryAfterMs: 1000 });
  });
});
