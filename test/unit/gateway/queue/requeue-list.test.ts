import { describe, expect, it } from "vitest";
import { RequeueList } from "../../../../src/gateway/queue/requeue-list.js";

describe("RequeueList", () => {
  it("keeps the order of arrival, those in front before the others", () => {
    const list = new RequeueList<string>();
    for (const member of ["a", "b", "c"]) list.add(member);
    list.addInFront("x");
    list.addInFront("c");
    expect([...list]).toEqual(["x", "c", "a", "b"]);
    expect(list.size).toBe(4);
  });

  it("holds a member once, and one in front keeps its place when it is added again", () => {
    const list = new RequeueList<string>();
    list.add("a");
    list.addInFront("b");
    list.add("a");
    list.add("b");
    list.addInFront("b");
    expect([...list]).toEqual(["b", "a"]);
  });

  it("lets members leave from both parts", () => {
    const list = new RequeueList<string>();
    list.add("a");
    list.addInFront("b");
    list.delete("a");
    list.delete("b");
    list.delete("never there");
    expect(list.size).toBe(0);
  });
});
