import { describe, expect, it } from "vitest";
import { GatewayError } from "../../../src/gateway/failures.js";
import { type OperationStore, StoreFull, StoreUnavailable } from "../../../src/operations/store.js";
import { ListSubmission, type SubmissionOptions } from "../../../src/operations/submission.js";
import { openSqlite } from "../../support/sqlite-world.js";
import { allResults, leaseOne } from "../../support/stored-operation.js";

const SPEC = {
  ...{ requestId: "", account: "default", priority: "normal" as const, reason: "", verify: false },
  scope: { iotInstanceId: "", productKey: "p", firmwareId: "f", jobId: "" },
  timeToLiveMs: 60_000,
};
let ids = 0;

function submissionTo(store: OperationStore, part: Partial<SubmissionOptions> = {}): ListSubmission {
  const id = `01SUBMISSION${String(++ids).padStart(14, "0")}`;
  const bounds = { mostDevices: 100_000, mostOperations: 20, hold: () => true, expectedMs: () => 0 };
  return new ListSubmission({ store, id, caller: "fleet", spec: SPEC, ...bounds, ...part });
}

/** The failure of a promise. */
async function failure(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GatewayError);
  return (error as GatewayError).failure;
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `device-${n}`);

describe("ListSubmission", () => {
  it("stores each name once, in the order of the list", async () => {
    const { store } = await openSqlite();
    const submission = submissionTo(store);
    await submission.add(names(3000));
    await submission.add([...names(10), "device-last"]);
    const record = await submission.publish();
    expect(record).toMatchObject({ devices: 3001, repeated: 10 });
    await store.end(await leaseOne(store), { state: "stopped", failure: "", sent: "", unsent: "" });
    expect((await allResults(store, record.id))?.map(({ name }) => name)).toEqual([...names(3000), "device-last"]);
  });

  it("takes more names while five chunks are stored in one commit, and stores nothing after it is discarded", async () => {
    const { store } = await openSqlite();
    const calls: string[] = [];
    const commits: (() => void)[] = [];
    const slow = new Proxy(store, {
      get: (target, name) => {
        if (name === "discard") return async () => void calls.push("discard");
        if (name !== "stage") return target[name as "get"].bind(target);
        return (_: string, chunk: number, { length }: readonly string[]) => {
          calls.push(`${length} names from chunk ${chunk}`);
          return new Promise<void>((resolve) => commits.push(resolve));
        };
      },
    });
    const submission = submissionTo(slow);
    await submission.add(names(19_999));
    expect(calls).toEqual(["10000 names from chunk 0"]);
    const more = submission.add(["device-last"]);
    const discarded = submission.discard();
    expect(calls).toHaveLength(1);
    commits[0]?.();
    await Promise.all([more, discarded]);
    expect(calls).toEqual(["10000 names from chunk 0", "discard"]);
  });

  it("finds the first submission by its key, whatever the order and the messages", async () => {
    const { store } = await openSqlite();
    const spec = { ...SPEC, requestId: "key" };
    const first = submissionTo(store, { spec });
    await first.add(names(50));
    const { id } = await first.publish();
    const second = submissionTo(store, { spec });
    for (const name of names(50).toReversed()) await second.add([name]);
    expect((await second.publish()).id).toBe(id);
    const third = submissionTo(store, { spec });
    await third.add(names(51));
    expect(await failure(third.publish())).toMatchObject({ kind: "request-id-reused" });
    const fourth = submissionTo(store, { spec: { ...spec, priority: "bulk" } });
    await fourth.add(names(50));
    expect(await failure(fourth.publish())).toMatchObject({ kind: "request-id-reused" });
  });

  it("reports the first fifty malformed names and a count, by their place in the whole list", async () => {
    const { store } = await openSqlite();
    const submission = submissionTo(store);
    await submission.add(names(2500));
    await submission.add(Array.from({ length: 70 }, () => "no good"));
    const found = await failure(submission.publish());
    expect(found).toMatchObject({ kind: "invalid", unlisted: 20 });
    expect(found.kind === "invalid" && found.violations[0]?.field).toBe("device_names[2500]");
    await submission.discard();
    expect(await store.list({ most: 1 })).toEqual([]);
  });

  it("refuses an empty list, too many names, and a time that is too short", async () => {
    const { store } = await openSqlite();
    expect(await failure(submissionTo(store).publish())).toMatchObject({ kind: "invalid" });
    expect(await failure(submissionTo(store, { mostDevices: 5 }).add(names(6)))).toMatchObject({ kind: "invalid" });
    expect(await failure(submissionTo(store, { hold: () => false }).add(names(6)))).toMatchObject({
      kind: "overloaded",
    });
    const late = submissionTo(store, { expectedMs: (devices) => devices * 10_000 });
    await late.add(names(7));
    expect(await failure(late.publish())).toMatchObject({ kind: "deadline-too-short" });
  });

  it.each([
    [new StoreUnavailable("away"), "store-unavailable"],
    [new StoreUnavailable("away", { isUnknown: true }), "submission-unknown"],
    [new StoreFull("full"), "overloaded"],
  ])("says what %s means for the caller", async (error, kind) => {
    const { store } = await openSqlite();
    const failing = new Proxy(store, {
      get: (target, name) =>
        name === "publish" ? async () => Promise.reject(error) : target[name as "stage"].bind(target),
    });
    const submission = submissionTo(failing);
    await submission.add(names(1));
    expect(await failure(submission.publish())).toMatchObject({ kind });
  });
});
