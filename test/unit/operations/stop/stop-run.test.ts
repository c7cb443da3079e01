// Stops as operations: what is changed, recorded and reported, whatever happens to the process, the
// store, the lease and the rights meanwhile. In each world the rules of StopWorld hold as well.
import { afterEach, describe, expect, it } from "vitest";
import type { RolloutSpec } from "../../../../src/emulator/rollout-control.js";
import { OUTCOMES } from "../../../../src/gateway/device-outcome.js";
import type { Failure } from "../../../../src/gateway/failures.js";
import { stopDetailOf } from "../../../../src/operations/stop/stop-spec.js";
import type { OperationRecord, StoredResult } from "../../../../src/operations/store.js";
import { type Fate, StopWorld, type StopWorldOptions, type UpstreamSaw } from "../../../support/stop-world.js";

const worlds: StopWorld[] = [];

async function open(rollouts: readonly RolloutSpec[], options: StopWorldOptions = {}): Promise<StopWorld> {
  const world = await StopWorld.open(rollouts, { ...options, options: { verifyJob: "reject", ...options.options } });
  worlds.push(world);
  return world;
}

const detailOf = (record: OperationRecord | undefined) => stopDetailOf(record?.progress.detail ?? "");
const failureOf = (record: OperationRecord | undefined) =>
  record?.failure ? (JSON.parse(record.failure) as Failure) : undefined;
const kindsOf = (results: readonly StoredResult[] | undefined) => {
  const kinds: Partial<Record<(typeof OUTCOMES)[number], number>> = {};
  for (const { kind } of results ?? []) {
    const name = OUTCOMES[kind] as (typeof OUTCOMES)[number];
    kinds[name] = (kinds[name] ?? 0) + 1;
  }
  return kinds;
};
/** By batch and operation. */
const timesOf = (world: StopWorld) => {
  const times = new Map<string, number>();
  for (const { action, jobId } of world.changes()) {
    times.set(`${action} ${jobId}`, (times.get(`${action} ${jobId}`) ?? 0) + 1);
  }
  return times;
};
const spanMs = (calls: readonly UpstreamSaw[]) => (calls.at(-1)?.sentMs ?? 0) - (calls[0]?.sentMs ?? 0);
const expectListedOnce = (results: readonly StoredResult[] | undefined) => {
  expect(new Set(results?.map(({ name }) => name)).size).toBe(results?.length);
};

/** A batch of each kind. */
const EACH_KIND: readonly RolloutSpec[] = [
  { devices: 40, states: { NOTIFIED: 4, SUCCEEDED: 2 } },
  { kind: "dynamic", devices: 6, joinsPerSecond: 1 },
  { kind: "verify", devices: 3 },
];
/** Canceled only by device, twenty pages of it. */
const SWEPT: readonly RolloutSpec[] = [{ kind: "verify", devices: 2000 }];
const SWEEP = "CancelOTATaskByDevice";
const BOTH_FATES = ["dies before", "dies after"] as const;

describe("StopRun", () => {
  afterEach(() => {
    for (const { broken } of worlds.splice(0)) expect(broken).toEqual([]);
  });

  it("stops each kind of batch by the calls that it needs, and no more", async () => {
    const world = await open(EACH_KIND);
    const id = await world.order({ listInstalled: true });
    world.start();
    const record = await world.untilEnded(id);
    expect(record).toMatchObject({ state: "done", failure: "" });
    expect(detailOf(record)).toMatchObject({ step: "done", isTruncated: false, report: { stopped: true } });
    expect([...timesOf(world).values()]).toEqual([1, 1, 1, 1]);
    expect([world.open, world.planned.length, world.ended]).toEqual([0, 1, [record]]);
    expect(kindsOf(await world.results(id))).toEqual({ accepted: 3, "already-finished": 2 });
  });

  it("ends truly and changes nothing blindly again, whatever call a process died before or after", async () => {
    const whats: string[] = [];
    const died = async (fate?: (nth: number) => Fate) => {
      const world = await open(EACH_KIND, {
        ...{ answerMs: 400 },
        fate: (nth, what) => {
          if (!fate) whats.push(what);
          return fate?.(nth);
        },
      });
      const id = await world.order({ listInstalled: true });
      const first = world.start();
      if (fate) {
        await world.until(() => first.isDead, 200);
        world.start();
      }
      return { world, record: await world.untilEnded(id), results: await world.results(id) };
    };
    await died();
    expect(new Set(whats).size).toBe(8); // five operations of the upstream that it needs, and three writes
    for (const [nth, what] of whats.entries()) {
      if (what === whats[nth - 1]) continue; // one step, by several calls
      // A reading that was not made and one whose answer is lost are the same.
      for (const fate of what.startsWith("List") ? (["dies after"] as const) : BOTH_FATES) {
        const { world, record, results } = await died((each) => (each === nth ? fate : undefined));
        const where = `${fate} call ${nth}, ${what}`;
        expect(detailOf(record)?.report?.stopped, where).toBe(true);
        expect([record.state, record.failure, world.open], where).toEqual(["done", "", 0]);
        expect(Math.max(...timesOf(world).values()), where).toBeLessThanOrEqual(2);
        expectListedOnce(results);
        const { accepted = 0, unknown = 0, ...others } = kindsOf(results);
        expect([accepted + unknown, others], where).toEqual([3, { "already-finished": 2 }]);
        if (what !== SWEEP && what !== "record" && what !== "append") expect(unknown, where).toBe(0);
      }
    }
  });

  it.each([true, "lost"] as const)(
    "makes no change while the store is away, and loses none that was made (away: %s)",
    async (isStoreAway) => {
      let saved: StopWorld | undefined;
      const world = await open([{ devices: 30 }, { devices: 40 }, { kind: "verify", devices: 5 }], {
        seen: ({ action }, of) => {
          if (action !== "CancelOTATaskByJob" || saved) return;
          saved = of;
          of.isStoreAway = isStoreAway;
        },
      });
      const id = await world.order();
      world.start();
      await world.until(() => saved !== undefined);
      await world.clock.advance(200); // calls whose intent was recorded with it
      const made = world.changes().length;
      await world.clock.advance(8000);
      expect(world.changes()).toHaveLength(made);
      world.isStoreAway = false;
      const record = await world.untilEnded(id);
      const { report, batches } = detailOf(record) ?? {};
      expect([report?.stopped, world.open]).toEqual([true, 0]);
      expect([...timesOf(world).values()]).toEqual([1, 1, 1]);
      const calls = batches?.flatMap(({ calls: made }) => made.map(({ success }) => success));
      expect(calls).toEqual([true, true]);
      expect(kindsOf(await world.results(id))).toEqual({ accepted: 5 });
    },
  );

  it("reports an end once whose answer was lost (was: never)", async () => {
    let isLost = true;
    const world = await open([{ devices: 30 }], {
      fate: (_, what) => {
        if (what === "end" && isLost) world.isStoreAway = "lost";
        return undefined;
      },
    });
    const id = await world.order();
    world.start();
    const record = await world.untilEnded(id);
    await world.clock.advance(5000);
    expect(world.ended).toEqual([]);
    isLost = false;
    world.isStoreAway = false;
    await world.clock.advance(30_000);
    expect(world.ended).toEqual([record]);
  });

  it("counts on while the store is away longer than the lease, and changes nothing", async () => {
    const world = await open(SWEPT, { answerMs: 100 });
    const id = await world.order();
    world.start();
    await world.until(() => world.changes(SWEEP).length === 5);
    world.isStoreAway = true;
    const awayMs = world.clock.now();
    await world.clock.advance(40_000);
    // Renewed every two seconds; five seconds before the end of that lease nothing is sent any more.
    expect(world.changes().at(-1)?.sentMs).toBeLessThanOrEqual(awayMs + 10_000);
    world.isStoreAway = false;
    const record = await world.untilEnded(id);
    expect([detailOf(record)?.report?.stopped, world.open]).toEqual([true, 0]);
    const results = await world.results(id);
    expectListedOnce(results);
    expect(kindsOf(results)).toEqual({ accepted: 2000 });
    expect(new Set(world.changes(SWEEP).flatMap(({ names }) => names)).size).toBe(2000);
  });

  it("sweeps on when its lease is renewed after the ledger was back (was: an hour later)", async () => {
    const world = await open([{ kind: "verify", devices: 300 }]);
    const id = await world.order();
    const { limiter } = world.start();
    await world.until(() => world.changes(SWEEP).length === 1);
    limiter.leave();
    await world.clock.advance(200);
    world.isStoreAway = true;
    await world.clock.advance(20_000);
    limiter.comeBack();
    await world.clock.advance(1000);
    expect(world.changes(SWEEP)).toHaveLength(1);
    world.isStoreAway = false;
    await world.clock.advance(60_000);
    expect(world.open).toBe(0);
    const record = await world.untilEnded(id);
    expect(detailOf(record)?.report?.stopped).toBe(true);
    expect(kindsOf(await world.results(id))).toEqual({ accepted: 300 });
  });

  it("changes nothing more when another process has its lease, which goes on", async () => {
    const world = await open(SWEPT, { answerMs: 100 });
    const id = await world.order();
    const first = world.start();
    world.start();
    await world.until(() => world.changes(SWEEP).length === 5);
    first.isCutOff = true;
    await world.until(() => world.holder === 2);
    const takenMs = world.clock.now();
    first.isCutOff = false;
    const record = await world.untilEnded(id);
    expect([detailOf(record)?.report?.stopped, world.open]).toEqual([true, 0]);
    expect(world.changes().some(({ process, sentMs }) => process === 1 && sentMs >= takenMs - 5000)).toBe(false);
    expect(world.ended).toHaveLength(1);
    const results = await world.results(id);
    expectListedOnce(results);
    expect(results).toHaveLength(2000);
  });

  it("lists a device once that is swept again after a death", async () => {
    let sweeps = 0;
    const world = await open(SWEPT, {
      answerMs: 300,
      // Its devices are stored, and open.
      fate: (_, what) => (what === SWEEP && ++sweeps === 6 ? "dies before" : undefined),
    });
    const id = await world.order();
    const first = world.start();
    await world.until(() => first.isDead, 200);
    expect(world.changes(SWEEP)).toHaveLength(5);
    world.start();
    const record = await world.untilEnded(id);
    expect(detailOf(record)?.report?.stopped).toBe(true);
    const results = await world.results(id);
    expectListedOnce(results);
    expect(results).toHaveLength(2000);
    expect(record.devices).toBe(2000);
  });

  it("changes nothing more once its caller has lost the right, and names no device that is left", async () => {
    const world = await open(SWEPT);
    const id = await world.order();
    world.start();
    await world.until(() => world.changes(SWEEP).length === 5);
    world.forbidden = "its caller has no right to this product any more";
    const record = await world.untilEnded(id);
    expect(record).toMatchObject({ state: "done" });
    expect(failureOf(record)).toMatchObject({ kind: "forbidden", message: world.forbidden });
    expect(detailOf(record)).toMatchObject({ isTruncated: true, report: { stopped: false } });
    expect(detailOf(record)?.batches[0]?.left).toBe(world.open);
    const results = await world.results(id);
    expect(results?.length).toBeLessThanOrEqual(world.changes(SWEEP).flatMap(({ names }) => names).length + 200);
  });

  it("keeps the end that it was cut short by, whoever stores it", async () => {
    const world: StopWorld = await open(SWEPT, {
      // The first one dies when it has stored the report, before the end.
      fate: (_, what) => (what === "record" && world.detail?.report ? "dies before" : undefined),
    });
    const id = await world.order();
    const first = world.start();
    await world.until(() => world.changes(SWEEP).length === 5);
    world.forbidden = "no right any more";
    await world.until(() => first.isDead);
    world.forbidden = undefined;
    world.start();
    const record = await world.untilEnded(id);
    expect(failureOf(record)).toMatchObject({ kind: "forbidden" });
  });

  it.each<[how: string, state: string, kind: string]>([
    ["was stopped itself", "stopped", "stopped"],
    ["has expired", "expired", "expired"],
  ])("lists what is left when it %s, and changes nothing more", async (_, state, kind) => {
    const world = await open(SWEPT, { answerMs: 100 });
    const id = await world.order({ timeToLiveMs: state === "expired" ? 2500 : 3_600_000 });
    const { runner } = world.start();
    await world.until(() => world.changes(SWEEP).length === 5);
    if (state === "stopped") {
      await world.store.stop(id);
      runner.stop(id);
      const made = world.changes().length;
      await world.clock.advance(5000);
      expect(world.changes()).toHaveLength(made);
    }
    const record = await world.untilEnded(id);
    expect(record).toMatchObject({ state });
    expect(failureOf(record)).toMatchObject({ kind });
    expect(world.open).toBeGreaterThan(0);
    expect(detailOf(record)).toMatchObject({ isTruncated: false, batches: [{ left: world.open }] });
    const results = await world.results(id);
    expectListedOnce(results);
    expect(kindsOf(results)).toEqual({ accepted: 2000 - world.open, "not-attempted": world.open });
  });

  it("ends within a minute after it was stopped, also if what is left cannot be listed by then", async () => {
    const world = await open(Array(20).fill({ kind: "verify", devices: 2500 }), { answerMs: 1000 });
    const id = await world.order();
    const { runner } = world.start();
    await world.until(() => world.changes(SWEEP).length >= 100);
    await world.store.stop(id);
    runner.stop(id);
    await world.clock.advance(65_000);
    const record = await world.store.get(id);
    expect(record).toMatchObject({ state: "stopped" });
    expect(detailOf(record)).toMatchObject({ isTruncated: true, report: { stopped: false } });
    expect(kindsOf(await world.results(id))["not-attempted"]).toBeGreaterThan(5000);
  });

  it("claims nothing of a device that was left in the queue once and then sent (was: not sent)", async () => {
    const world = await open([{ kind: "verify", devices: 100 }], {
      fate: (_, what) => (what === SWEEP ? "dies after" : undefined),
    });
    const id = await world.order();
    const first = world.start();
    first.limiter.leave();
    await world.clock.advance(5000);
    world.isStoreAway = true; // until the lease is not sure any more
    await world.clock.advance(20_000);
    world.isStoreAway = false;
    await world.clock.advance(5000); // what is known is stored
    first.limiter.comeBack();
    await world.until(() => first.isDead, 200);
    world.start();
    const record = await world.untilEnded(id);
    expect([detailOf(record)?.report?.stopped, world.changes(SWEEP).length]).toEqual([true, 1]);
    expect(kindsOf(await world.results(id))).toEqual({ unknown: 100 });
  });

  it("knows that devices were not sent which were being stored as it was stopped (was: perhaps sent)", async () => {
    let isStopped = false;
    const world = await open([{ kind: "verify", devices: 100 }], {
      refusal: ({ isPage }) => (isStopped && isPage ? "ServiceUnavailable" : undefined),
    });
    const id = await world.order();
    const { runner } = world.start();
    const stored = world.stored.bind(world);
    world.stored = (process, name, values, answer) => {
      stored(process, name, values, answer);
      if (name !== "append" || isStopped) return;
      isStopped = true;
      runner.stop(id);
    };
    const record = await world.untilEnded(id);
    expect([record.state, world.changes(SWEEP).length]).toEqual(["stopped", 0]);
    expect(kindsOf(await world.results(id))).toEqual({ "not-attempted": 100 });
  });

  it("leaves: what was sent is recorded, and the next process goes on without delay", async () => {
    const world = await open(SWEPT, { answerMs: 300 });
    const id = await world.order();
    const first = world.start();
    await world.until(() => world.changes(SWEEP).length === 5);
    const closed = first.runner.close();
    await world.clock.advance(1000);
    await closed;
    const sent = world.changes(SWEEP).flatMap(({ names }) => names).length;
    expect(kindsOf(await world.results(id))).toEqual({ accepted: sent });
    world.start();
    const record = await world.untilEnded(id);
    expect([detailOf(record)?.report?.stopped, world.open]).toEqual([true, 0]);
    expect(kindsOf(await world.results(id))).toEqual({ accepted: 2000 });
    const names = world.changes(SWEEP).flatMap(({ names: some }) => some);
    expect(new Set(names).size).toBe(names.length);
  });

  it("gives each device its own result, also if it is not known whether the last ones were stored", async () => {
    const world: StopWorld = await open([{ kind: "verify", devices: 300 }], {
      fate: (_, what) => {
        if (what === "append") world.isStoreAway = "lost";
        return undefined;
      },
    });
    const id = await world.order();
    const { runner } = world.start();
    await world.until(() => world.isStoreAway === "lost");
    await world.clock.advance(500);
    await world.store.stop(id);
    runner.stop(id);
    world.options.fate = undefined;
    world.isStoreAway = false;
    const record = await world.untilEnded(id);
    expect(record).toMatchObject({ state: "stopped", devices: 300 });
    const results = await world.results(id);
    expectListedOnce(results);
    expect(kindsOf(results)).toEqual({ "not-attempted": 300 });
    expect(world.changes()).toEqual([]);
  });

  it("gives each device its own result, also if it leaves before it knows whether the last ones were stored", async () => {
    const world: StopWorld = await open([{ kind: "verify", devices: 250 }], {
      fate: (_, what) => {
        if (what === "append") world.isStoreAway = "lost";
        return undefined;
      },
    });
    const id = await world.order();
    const { runner } = world.start();
    await world.until(() => world.isStoreAway === "lost");
    await world.clock.advance(100);
    const closed = runner.close();
    await world.clock.advance(10_000);
    await closed;
    world.isStoreAway = false;
    // The next process finds other devices than the first one has stored.
    const JobId = world.calls.find(({ isPage }) => isPage)?.jobId ?? "";
    const { Data } = world.service.call("ListOTATaskByJob", { JobId, PageSize: 60, CurrentPage: 1 });
    const tasks = (Data as { SimpleOTATaskInfo: { DeviceName: string }[] }).SimpleOTATaskInfo;
    const DeviceName = tasks.map((task) => task.DeviceName);
    const job = world.rollouts.find(({ jobId }) => jobId === JobId);
    const { productKey: ProductKey = "", firmwareId: FirmwareId = "" } = job ?? {};
    world.service.call("CancelOTATaskByDevice", { ProductKey, FirmwareId, JobId, DeviceName });
    world.start();
    expect(await world.untilEnded(id)).toMatchObject({ state: "done" });
    const swept = new Set(world.changes(SWEEP).flatMap(({ names }) => names));
    const results = await world.results(id);
    expectListedOnce(results);
    const kinds = new Map(results?.map(({ name, kind }) => [name, OUTCOMES[kind]]));
    expect(swept.size).toBe(190);
    expect([...swept].filter((name) => kinds.get(name) !== "accepted")).toEqual([]);
    expect([...kinds].filter(([name, kind]) => kind === "accepted" && !swept.has(name))).toEqual([]);
  });

  it("plans again while the batches cannot be listed, and says why", async () => {
    let isDown = true;
    const world = await open([{ devices: 3 }], {
      refusal: ({ action }) => (isDown && action === "ListOTAJobByFirmware" ? "ServiceUnavailable" : undefined),
    });
    const id = await world.order();
    world.start();
    await world.clock.advance(60_000);
    expect((await world.store.get(id))?.progress.obstacle).toMatch(/ServiceUnavailable/);
    const sentMs = world.calls.map((call) => call.sentMs);
    const gapsMs = sentMs.slice(1).map((ms, n) => ms - (sentMs[n] as number));
    // Each plan makes five attempts.
    const betweenPlansMs = gapsMs.filter((_, n) => n % 5 === 4);
    expect([betweenPlansMs.length, Math.min(...betweenPlansMs)]).toEqual([4, expect.closeTo(5000, -2)]);
    isDown = false;
    const record = await world.untilEnded(id);
    expect([detailOf(record)?.report?.stopped, record.progress.obstacle]).toEqual([true, ""]);
  });

  it("says that it waits for a ledger that is away", async () => {
    const world = await open([{ devices: 3 }]);
    const id = await world.order();
    const { ledgers } = world.start();
    for (const ledger of ledgers) ledger.leave();
    await world.clock.advance(20_000);
    expect((await world.store.get(id))?.progress.obstacle).toBe("the ledger is away");
    for (const ledger of ledgers) ledger.comeBack();
    const record = await world.untilEnded(id);
    expect([detailOf(record)?.report?.stopped, record.progress.obstacle]).toEqual([true, ""]);
  });

  it("ends if the batches may not be listed", async () => {
    const world = await open([{ devices: 3 }], { refusal: () => "Forbidden.RAM" });
    const id = await world.order();
    world.start();
    const record = await world.untilEnded(id);
    expect([record.state, world.changes()]).toEqual(["done", []]);
    expect(failureOf(record)).toMatchObject({ kind: "rejected", rejection: "forbidden" });
  });

  it("changes nothing if it was stopped before it had a plan", async () => {
    const world = await open([{ devices: 3 }]);
    const id = await world.order();
    await world.store.stop(id);
    world.start();
    const record = await world.untilEnded(id);
    expect([record.state, world.changes(), world.open]).toEqual(["stopped", [], 3]);
  });

  it("repeats what may not have reached the upstream only after it was counted", async () => {
    let lost = 0;
    const world = await open([{ devices: 50 }], {
      isLost: ({ action }) => action === "CancelOTATaskByJob" && lost++ === 0,
    });
    const id = await world.order();
    world.start();
    const record = await world.untilEnded(id);
    expect(detailOf(record)?.report?.stopped).toBe(true);
    // The first one was carried out, though its answer was lost.
    expect(world.changes("CancelOTATaskByJob")).toHaveLength(1);
  });

  it("sweeps 800 devices a second, though the queue has little room", async () => {
    const world = await open([{ kind: "verify", devices: 5000 }], { queuedDevicesPerCaller: 300 });
    const id = await world.order();
    world.start();
    const record = await world.untilEnded(id);
    expect(detailOf(record)?.report?.stopped).toBe(true);
    expect(kindsOf(await world.results(id))).toEqual({ accepted: 5000 });
    expect((5000 * 1000) / spanMs(world.changes(SWEEP))).toBeGreaterThan(800);
  });

  it.each([20, 300, 2500])("sweeps as fast as pages can be read that are answered after %i ms", async (answerMs) => {
    const world = await open([{ kind: "verify", devices: 5000 }], { answerMs });
    const id = await world.order();
    world.start();
    await world.untilEnded(id);
    const idealMs = ((5000 / 100 - 1) * (1000 + answerMs)) / 10;
    expect(spanMs(world.changes(SWEEP)) / idealMs).toBeLessThan(1.1);
  });
});
