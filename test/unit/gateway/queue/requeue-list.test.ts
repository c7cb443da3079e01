import { describe, expect, it } from "vitest";
import { Line } from "../../../../src/gateway/queue/requeue-list.js";

describe("Line", () => {
  it("keeps the order of arrival, those in front before the others", () => {
    const line = new Line<string>();
    for (const member of ["a", "b", "c"]) line.add(member);
    line.addInFront("x");
    line.addInFront("c");
    expect([...line]).toEqual(["x", "c", "a", "b"]);
    expect(line.size).toBe(4);
  });

  it("holds a member once, and one in front keeps its place when it is added again", () => {
    const line = new Line<string>();
    line.add("a");
    line.addInFront("b");
    line.add("a");
    line.add("b");
    line.addInFront("b");
    expect([...line]).toEqual(["b", "a"]);
  });

  it("lets members leave from both parts", () => {
    const line = new Line<string>();
    line.add("a");
    line.addInFront("b");
    line.delete("a");
    line.delete("b");
    line.delete("never there");
    expect(line.size).toBe(0);
  });
});
