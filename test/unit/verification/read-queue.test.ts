import { describe, expect, it } from "vitest";
import type { Scope } from "../../../src/gateway/command.js";
import { type ReadBatch, ReadQueue } from "../../../src/verification/read-queue.js";
import { ReadRequest } from "../../../src/verification/read-request.js";
import { aScope, names } from "../../support/fake-command.js";
import { ROOM } from "../../support/fake-upstream.js";

const SCOPE = aScope("product", "job");

function start(devices = 3) {
  const queue = new ReadQueue({ ...ROOM, devices, bytes: 300, bytesOfScope: () => 100 });
  const add = (caller: string, deviceNames: string[], scope: Scope = SCOPE) => {
    const readRequest = new ReadRequest({ scope, caller, span: undefined, arrivedMs: 0 }, deviceNames, () => {});
    queue.add(readRequest);
    return readRequest;
  };
  return { queue, add };
}

function namesOf(batch: ReadBatch | undefined): string[] {
  return batch?.devices.map(({ name }) => name) ?? [];
}

describe("ReadQueue", () => {
  it("gives callers turns by calls, however much each of them wants", () => {
    const { queue, add } = start();
    add("big", names(7), aScope("p", "big"));
    add("small", ["dev-x"], aScope("p", "small"));
    add("other", ["dev-y"], aScope("p", "other"));
    const jobs = Array.from({ length: 5 }, () => queue.cut()?.scope.jobId);
    expect(jobs).toEqual(["big", "small", "other", "big", "big"]);
    expect(queue.isEmpty).toBe(true);
    expect(queue.cut()).toBeUndefined();
  });

  it("goes on with a caller's other requests when one is done or leaves, the oldest first", () => {
    const { queue, add } = start();
    const [, leaving] = ["one", "two", "three", "four"].map((job) => add("a", [`dev-${job}`], aScope("p", job)));
    expect(queue.cut()?.scope.jobId).toBe("one");
    if (leaving) queue.leave(leaving);
    expect([queue.cut()?.scope.jobId, queue.cut()?.scope.jobId]).toEqual(["three", "four"]);
    expect(queue.isEmpty).toBe(true);
  });

  it("gives a caller's requests turns, too: one whose calls fail does not hold up the others (was: until its deadline)", () => {
    const { queue, add } = start();
    for (const job of ["failing", "one", "two"]) add("a", names(6, 0, `dev-${job}-`), aScope("p", job));
    const jobs = Array.from({ length: 7 }, () => {
      const batch = queue.cut() as ReadBatch;
      if (batch.scope.jobId === "failing") queue.putBack(batch.scope, batch.devices);
      return batch.scope.jobId;
    });
    expect(jobs).toEqual(["failing", "one", "two", "failing", "one", "two", "failing"]);
  });

  it("fills a call with others of the same scope, and with no other scope", () => {
    const { queue, add } = start();
    add("a", ["dev-a"]);
    add("b", ["dev-b"], aScope("product", "other job"));
    add("c", ["dev-c1", "dev-c2", "dev-c3"]);
    expect(namesOf(queue.cut())).toEqual(["dev-a", "dev-c1", "dev-c2"]);
    expect(namesOf(queue.cut())).toEqual(["dev-b"]);
    expect(namesOf(queue.cut())).toEqual(["dev-c3"]);
  });

  it("reads a device once for all waiting requests, and again for requests that come later", () => {
    const { queue, add } = start();
    const [first, second] = [add("a", ["dev-1"]), add("b", ["dev-1", "dev-2"])];
    const batch = queue.cut();
    expect(batch?.devices[0]?.readRequests).toEqual([first, second]);
    const third = add("c", ["dev-1"]);
    expect(queue.cut()?.devices).toMatchObject([{ name: "dev-1", readRequests: [third] }]);
  });

  it("cuts a call by the bytes of its address", () => {
    const { queue, add } = start(50);
    add("a", ["x".repeat(90), "y".repeat(90), "z".repeat(90)]);
    expect(namesOf(queue.cut())).toHaveLength(2);
    expect(namesOf(queue.cut())).toHaveLength(1);
  });

  it("drops a request that leaves, and keeps the devices that others wait for", () => {
    const { queue, add } = start();
    const leaving = add("a", ["dev-1", "dev-2"]);
    const staying = add("b", ["dev-2"]);
    queue.leave(leaving);
    expect(queue.cut()?.devices).toMatchObject([{ name: "dev-2", readRequests: [staying] }]);
    expect(queue.isEmpty).toBe(true);
  });

  it("puts back devices that are still wanted, and sends a suspect alone", () => {
    const { queue, add } = start();
    const leaving = add("a", ["dev-1"]);
    add("b", ["dev-2", "dev-3"]);
    const batch = queue.cut();
    leaving.leave();
    queue.putBack(
      SCOPE,
      (batch?.devices ?? []).map((device) => ({ ...device, alone: device.name === "dev-3" })),
    );
    add("c", ["dev-4"]);
    const calls = [queue.cut(), queue.cut()].map(namesOf);
    expect(calls.toSorted()).toEqual([["dev-2", "dev-4"], ["dev-3"]]);
  });

  it("leaves no room in a call for a suspect that is passed over", () => {
    const { queue, add } = start(50);
    const [suspect, first, second] = ["x".repeat(90), "y".repeat(90), "z".repeat(90)] as const;
    add("a", [suspect]);
    const batch = queue.cut();
    add("b", [first]);
    queue.putBack(
      SCOPE,
      (batch?.devices ?? []).map((device) => ({ ...device, alone: true })),
    );
    add("c", [second]);
    expect(namesOf(queue.cut())).toEqual([first, second]);
    expect(namesOf(queue.cut())).toEqual([suspect]);
  });

  it("sends a suspect alone also for requests that came meanwhile, and keeps counting its calls", () => {
    const { queue, add } = start();
    const first = add("a", ["dev-1"]);
    const batch = queue.cut();
    const second = add("b", ["dev-1", "dev-2"]);
    queue.putBack(
      SCOPE,
      (batch?.devices ?? []).map((device) => ({ ...device, alone: true, attempts: 3 })),
    );
    const calls = [queue.cut(), queue.cut()].map((call) => call?.devices);
    expect(calls).toMatchObject([
      [{ name: "dev-1", alone: true, attempts: 3, readRequests: [second, first] }],
      [{ name: "dev-2", alone: false, attempts: 0, readRequests: [second] }],
    ]);
  });

  it("gives out everything that could share a call", () => {
    const { queue, add } = start();
    add("a", names(5));
    add("b", ["dev-x"], aScope("product", "other job"));
    expect(queue.takeAlike(SCOPE)).toHaveLength(5);
    expect(namesOf(queue.cut())).toEqual(["dev-x"]);
    expect(queue.isEmpty).toBe(true);
  });
});
