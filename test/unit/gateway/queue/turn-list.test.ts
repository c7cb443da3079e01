import { describe, expect, it } from "vitest";
import { TurnList } from "../../../../src/gateway/queue/turn-list.js";

const ALL = () => true;

function listOf(...members: string[]): TurnList<string> {
  const list = new TurnList<string>();
  for (const member of members) list.add(member);
  return list;
}

/** The members that have so many turns. None of them leaves. */
function turns(list: TurnList<string>, count: number, mayGo: (member: string) => boolean = ALL): string {
  return Array.from({ length: count }, () => {
    const member = list.first(mayGo);
    if (member !== undefined) list.noteTurn(member);
    return member ?? "-";
  }).join("");
}

describe("TurnList", () => {
  it("gives all turns to the first that may go, in the order of arrival", () => {
    const list = listOf("a", "b", "c");
    list.add("a");
    expect(turns(list, 3)).toBe("aaa");
    expect(turns(list, 3, (member) => member !== "a")).toBe("bbb");
    expect(turns(list, 1, () => false)).toBe("-");
  });

  it.each(["kept", "spent"] as const)("puts those whose turn was %s before all others", (returned) => {
    const list = listOf("a", "b", "c");
    list.add("b", "failed");
    list.add("c", returned);
    list.add("b", returned);
    expect(turns(list, 2)).toBe("cc");
    expect(turns(list, 2, (member) => member !== "c")).toBe("bb");
  });

  it("gives those that failed every other turn, and all if no others may go", () => {
    const list = listOf("a", "b", "c");
    list.add("a", "failed");
    list.add("a");
    expect(turns(list, 6)).toBe("ababab");
    expect(turns(list, 3, (member) => member === "a")).toBe("aaa");
    expect(turns(list, 3, (member) => member !== "a")).toBe("bbb");
  });

  it("gives those that failed their turns in the order in which they failed last", () => {
    const list = listOf("a", "b", "c");
    for (const member of ["a", "b", "a"]) list.add(member, "failed");
    expect(turns(list, 4)).toBe("bcbc");
    list.add("b", "failed");
    expect(turns(list, 4)).toBe("acac");
  });

  it("lets members leave wherever they are", () => {
    const list = listOf("a", "b", "c");
    list.add("b", "failed");
    list.add("c", "kept");
    expect(list.size).toBe(3);
    for (const member of ["a", "b", "c", "never there"]) list.delete(member);
    expect([list.size, list.first(ALL)]).toEqual([0, undefined]);
  });
});
