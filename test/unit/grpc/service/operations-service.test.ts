// The rpcs about operations over a real port. Unless a test needs one, no account is configured, so
// that none is run.
import { describe, expect, it, onTestFinished } from "vitest";
import type { Gateway } from "../../../../src/gateway/gateway.js";
import { Outcome } from "../../../../src/gen/ota/v1/ota_service.js";
import { startGrpcServer } from "../../../../src/grpc/server.js";
import { pageTokenOf } from "../../../../src/grpc/service/page-token.js";
import { CallerBook } from "../../../../src/identity/caller-book.js";
import { Operations } from "../../../../src/operations/operations.js";
import { STOP_ROLLOUT } from "../../../../src/operations/stop/stop-spec.js";
import { type OperationStore, StoreUnavailable } from "../../../../src/operations/store.js";
import { FakeLog } from "../../../support/fake-log.js";
import { failureOf } from "../../../support/grpc-failure.js";
import { HandClock, settle } from "../../../support/hand-clock.js";
import { oneGateway } from "../../../support/idle-gateway.js";
import { createOperationsCaller } from "../../../support/operations-caller.js";
import { until } from "../../../support/processes.js";
import { openSqlite } from "../../../support/sqlite-world.js";
import { leaseOne, submit, WIDE_BOUNDS } from "../../../support/stored-operation.js";

async function setUp(seen: (store: OperationStore) => OperationStore, hasAccount = false) {
  const [clock, log] = [new HandClock({ wallMs: Date.now() }), new FakeLog()];
  const gateways = hasAccount ? oneGateway(clock, log) : new Map<string, Gateway>();
  const { store } = await openSqlite(WIDE_BOUNDS, ":memory:", clock);
  const operations = new Operations({
    ...{ clock, log, gateways, open: async () => seen(store), holder: "here" },
    ...{ mostDevicesPerOperation: 1000, mostOperationsPerCaller: 10 },
    stops: { accounts: new Map(), forbidden: () => undefined, planned: () => {} },
    ...{ forbidden: () => undefined, ended: () => {}, spanOf: () => undefined },
  });
  await operations.open();
  const stopped: string[] = [];
  const nothing = () => {};
  const server = await startGrpcServer("127.0.0.1", 0, {
    ...{ clock, log, defaultDeadlineMs: 60_000, gateways, rollouts: new Map(), maxDevices: 10 },
    ...{ callers: new CallerBook(new Map()), operations },
    audit: {
      ...{ submitted: nothing, refused: nothing, rolloutRefused: nothing },
      stopped: ({ state }, { caller }, error) => void stopped.push(`${caller}: ${state}${error ? ", perhaps" : ""}`),
    },
  });
  const headers: Record<string, string> = { "x-ota-caller": "fleet" };
  const caller = createOperationsCaller(`127.0.0.1:${server.port}`, headers);
  /** Of all rpcs from now on; the client itself waits longer. */
  const within = (ms: number) => {
    headers["grpc-timeout"] = `${ms}m`;
  };
  onTestFinished(async () => {
    caller.close();
    await server.close(100);
  });
  return { store, caller, stopped, clock, within };
}

describe("CancelOperation", () => {
  it("is in the audit log if its operation runs, also where an earlier answer of the store was lost (was: not)", async () => {
    let isLost = true;
    const { store, caller, stopped } = await setUp((whole) => ({
      ...whole,
      stop: async (id) => {
        const record = await whole.stop(id);
        if (isLost) throw new StoreUnavailable("no answer", { isUnknown: true });
        return record;
      },
    }));
    const { id } = await submit(store, 1);
    expect(await failureOf(caller.stop(`operations/${id}`))).toMatchObject({ reason: "STORE_UNAVAILABLE" });
    isLost = false;
    await caller.stop(`operations/${id}`);
    expect(stopped).toEqual(["fleet: running, perhaps", "fleet: stopping"]);
    await store.end(await leaseOne(store), { state: "stopped", failure: "", sent: "", unsent: "" });
    await caller.stop(`operations/${id}`);
    expect(stopped).toHaveLength(2);
  });
});

describe("every rpc about operations", () => {
  it("says before its deadline that the store is silent (was: nothing, until the client gave up)", async () => {
    let asked = 0;
    const silent = () => {
      asked++;
      return new Promise<never>(() => {});
    };
    const { caller, clock, within } = await setUp(
      (whole) => ({ ...whole, get: silent, list: silent, publish: silent }),
      true,
    );
    const name = "operations/01J00000000000000000000000";
    within(5000);
    const rpcs = [caller.get(name), caller.list(), caller.wait(name), caller.stop(name), caller.results({ name })];
    rpcs.push(caller.stopRollout());
    await until(() => asked === rpcs.length);
    await clock.advance(4799);
    const early = await Promise.race([...rpcs, settle().then(() => "nothing yet")]);
    expect(early).toBe("nothing yet");
    await clock.advance(1);
    const reasons = await Promise.all(rpcs.map(async (rpc) => (await failureOf(rpc)).reason));
    expect(reasons).toEqual([...Array<string>(5).fill("STORE_UNAVAILABLE"), "SUBMISSION_UNKNOWN"]);
  });
});

describe("ListOperationResults", () => {
  it("asks the store for each outcome once, however often it is named (was: every device was compared with all)", async () => {
    const asked: unknown[] = [];
    const { store, caller } = await setUp((whole) => ({
      ...whole,
      results: (query) => {
        asked.push(query.kinds?.length);
        return whole.results(query);
      },
    }));
    const name = `operations/${(await submit(store, 1)).id}`;
    await caller.results({ name, outcomes: Array.from({ length: 50_000 }, () => Outcome.ACCEPTED) });
    expect(asked).toEqual([1]);
  });

  it("refuses a position before the first device (was: the error of a store, as if it were away)", async () => {
    const { store, caller } = await setUp((whole) => whole);
    const { id } = await submit(store, 1);
    const pageToken = pageTokenOf([id, []], -9_007_199_254_740_991);
    const failure = await failureOf(caller.results({ name: `operations/${id}`, pageToken }));
    expect(failure).toMatchObject({ reason: "INVALID_REQUEST", violations: [{ field: "page_token" }] });
  });
});

describe("ListOperations", () => {
  it("ends a page before it is longer than clients take, also if few operations are on it (was: refused by them)", async () => {
    const { store, caller } = await setUp((whole) => whole);
    const reading = {
      status: "CONFIRMED",
      created: "",
      kind: "static",
      counts: { QUEUED: 1 },
      incomplete: "not counted",
    };
    const batches = Array.from({ length: 2000 }, (_, nth) => {
      const before = { ...reading, jobId: `job-${"0".repeat(20)}${nth}` };
      return { before, after: before, strategyClosed: false, calls: [], callsMade: 0, swept: 0, left: 0 };
    });
    const scope = { productKey: "product", firmwareId: "firmware", jobId: "", iotInstanceId: "" };
    const spec = JSON.stringify({ account: "default", scope, states: ["QUEUED"], priority: "urgent", settleMs: 0 });
    const detail = JSON.stringify({ startMs: 0, step: "cancel", batches });
    const ids: string[] = [];
    for (let nth = 0; nth < 20; nth++) ids.unshift((await submit(store, 0, { kind: STOP_ROLLOUT, spec, detail })).id);
    const listed: string[] = [];
    let pages = 0;
    for (let pageToken = ""; pageToken !== "" || pages === 0; pages++) {
      const page = await caller.list({ pageToken });
      listed.push(...page.operations.map(({ name }) => name));
      pageToken = page.nextPageToken;
    }
    expect(listed).toEqual(ids.map((id) => `operations/${id}`));
    expect(pages).toBeGreaterThan(1);
  });
});
