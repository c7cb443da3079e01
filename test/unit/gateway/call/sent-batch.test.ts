import { describe, expect, it } from "vitest";
import { SentBatch } from "../../../../src/gateway/call/sent-batch.js";
import type { BatchDevice } from "../../../../src/gateway/queue/batch.js";
import type { CallEnd } from "../../../../src/gateway/upstream.js";
import type { CallRecord, Waiter } from "../../../../src/gateway/waiter.js";
import { aWaiter, SCOPE } from "../../../support/fake-command.js";
import { accepted, LOST, refused, UNWRITTEN } from "../../../support/fake-upstream.js";

/** A call with everything that these waiters asked for in the call. */
function sentBatchOf(waiters: readonly Waiter[], nowMs = 500): SentBatch {
  const devices = new Map<string, BatchDevice & { owners: { waiter: Waiter; index: number }[] }>();
  for (const waiter of waiters) {
    for (const [index, name] of waiter.command.deviceNames.entries()) {
      const device = devices.get(name) ?? { name, owners: [] };
      devices.set(name, device);
      device.owners.push({ waiter, index });
    }
  }
  return new SentBatch(
    { scopeQueue: { key: "", scope: SCOPE }, devices: [...devices.values()], charge: new Map() },
    nowMs,
    1_000_000,
  );
}

/** The record of each waiter for a call that ended like this. */
async function toldOf(end: CallEnd, ...requests: readonly (readonly string[])[]): Promise<CallRecord[]> {
  const waiters = requests.map((deviceNames, n) => aWaiter({ caller: `c${n}`, deviceNames }));
  const sentBatch = sentBatchOf(waiters);
  sentBatch.complete(end, 20);
  sentBatch.settle({ kind: "accepted" });
  const answers = await Promise.all(waiters.map(({ answer }) => answer));
  return answers.map(({ calls }) => calls[0] as CallRecord);
}

const fault = (message: string) =>
  refused({ kind: "rejected", rejection: "not-found", deviceFault: true }, { code: "iot.device.X", message });

describe("SentBatch", () => {
  it("tells each waiter of the call, and of its own devices in it", async () => {
    const records = await toldOf(accepted("r-1"), ["one", "two"], ["two", "three", "four"]);
    const common = {
      sentWallMs: 1_000_000,
      attempts: 1,
      success: true,
      requestId: "r-1",
      code: "",
      message: "",
      durationMs: 20,
    };
    expect(records).toEqual([
      { ...common, deviceCount: 2 },
      { ...common, deviceCount: 3 },
    ]);
  });

  it("knows the waiters in the call, since when they wait, and the largest attempt", () => {
    const [a, b] = [aWaiter({ caller: "a" }, 300), aWaiter({ caller: "a" }, 200)];
    sentBatchOf([a]).release({ kind: "not-attempted", failure: { kind: "throttled", message: "" } });
    const sentBatch = sentBatchOf([a, b]);
    expect(sentBatch.waiters).toEqual([a, b]);
    expect([...sentBatch.sentCall(0, 0).devicesByCaller]).toEqual([["a", 1]]); // they asked for the same device
    expect(sentBatch.waitingSinceMs).toBe(200);
    expect(sentBatch.attempt).toBe(2);
  });

  it("reports how many devices each caller has in the call: one that two asked for counts for both", () => {
    const waiters = [
      aWaiter({ caller: "a", deviceNames: ["both-1", "a-1"] }, 100),
      aWaiter({ caller: "b", deviceNames: ["both-1", "b-1", "b-2"] }, 200),
    ];
    expect(sentBatchOf(waiters).sentCall(510, 1_000_010)).toEqual({
      sentMs: 510,
      sentWallMs: 1_000_010,
      productKey: SCOPE.productKey,
      firmwareId: SCOPE.firmwareId,
      jobId: SCOPE.jobId,
      devices: 4,
      devicesByCaller: new Map([
        ["a", 2],
        ["b", 3],
      ]),
      attempt: 1,
      tokenWaitMs: 410,
    });
  });

  it("shows the upstream's words without the devices of others", async () => {
    const end = fault("devices [mine-1, theirs-1] and theirs-2 do not exist");
    const [mine, theirs] = await toldOf(end, ["mine-1"], ["theirs-1", "theirs-2"]);
    expect(mine?.message).toBe("devices [mine-1, ***] and *** do not exist");
    expect(theirs?.message).toBe("devices [***, theirs-1] and theirs-2 do not exist");
    expect(mine?.code).toBe("iot.device.X");
  });

  it("shows a device that two asked for to both", async () => {
    const records = await toldOf(fault("both-1 is unknown"), ["both-1", "mine-1"], ["both-1"]);
    expect(records.map(({ message }) => message)).toEqual(["both-1 is unknown", "both-1 is unknown"]);
  });

  it("keeps its own name whole if another's is a part of it (was: dev-12 became ***2)", async () => {
    const [mine, theirs] = await toldOf(fault("dev-12 is unknown"), ["dev-12"], ["dev-1"]);
    expect(mine?.message).toBe("dev-12 is unknown");
    expect(theirs?.message).toBe("*** is unknown");
  });

  it("leaves nothing of a name of which another is a part (was: the rest of the longer one)", async () => {
    const [mine] = await toldOf(fault("abcd-secret, abcd"), ["mine-1"], ["abcd", "abcd-secret"]);
    expect(mine?.message).toBe("***, ***");
  });

  it("uncovers nothing for a name that was made to match", async () => {
    const [mine] = await toldOf(fault("device:dev1234"), ["e:dev", "dev1"], ["dev1234"]);
    expect(mine?.message).toBe("device:***");
  });

  it("hides another's name also where its own ends in it (was: device:depot-secret)", async () => {
    const [mine] = await toldOf(fault("device:depot-secret"), ["device:depot"], ["depot-secret"]);
    expect(mine?.message).toBe("device:***");
  });

  it("hides others' names that overlap as a whole (was: the rest of the second one)", async () => {
    const [mine] = await toldOf(fault("aaaa-bbbb-cccc, dddd"), ["mine-1"], ["aaaa-bbbb", "bbbb-cccc", "dddd"]);
    expect(mine?.message).toBe("***, ***");
  });

  it("takes names literally", async () => {
    const [mine] = await toldOf(fault("a.bcd axbcd"), ["mine-1"], ["a.bcd"]);
    expect(mine?.message).toBe("*** axbcd");
  });

  it("hides the code and words of a fault that is the gateway's own", async () => {
    const end = refused(
      { kind: "internal", recovered: false },
      { code: "InvalidAccessKeyId.NotFound", message: "key" },
    );
    const [record] = await toldOf(end, ["one"]);
    expect(record).toMatchObject({ code: "", message: "", requestId: "request", success: false });
  });

  it("hides the state of the gateway's keys (was: told why there are no credentials)", async () => {
    const [record] = await toldOf({ kind: "unwritten", message: "no credentials in the environment", ours: true }, [
      "one",
    ]);
    expect(record?.message).toBe("");
  });

  it("tells that a call was lost or not written", async () => {
    expect((await toldOf(LOST, ["one"]))[0]?.message).toBe("no answer came");
    expect((await toldOf(UNWRITTEN, ["one"]))[0]?.message).toBe("no connection");
  });

  it("takes any number of waiters for one device (was: too many arguments for Math.min)", () => {
    const waiters = Array.from({ length: 150_000 }, (_, n) => aWaiter({}, n + 1));
    const sentBatch = sentBatchOf(waiters);
    expect(sentBatch.waitingSinceMs).toBe(1);
    expect(sentBatch.attempt).toBe(1);
  });
});
