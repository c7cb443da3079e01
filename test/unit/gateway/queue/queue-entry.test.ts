import { describe, expect, it } from "vitest";
import { QueueEntry } from "../../../../src/gateway/queue/queue-entry.js";
import { ScopeQueue } from "../../../../src/gateway/queue/scope-queue.js";
import { aWaiter, names, SCOPE } from "../../../support/fake-command.js";

function look(entry: QueueEntry, times: number): (number | undefined)[] {
  return Array.from({ length: times }, () => {
    const index = entry.peek();
    if (index !== undefined) entry.advance();
    return index;
  });
}

describe("QueueEntry", () => {
  it("is looked through in the order of the request", () => {
    expect(look(new QueueEntry(aWaiter({ deviceNames: names(3) }), new ScopeQueue("", SCOPE), 0), 4)).toEqual([
      0,
      1,
      2,
      undefined,
    ]);
  });

  it("is looked through first where devices came back, and goes on then where it was", () => {
    const entry = new QueueEntry(aWaiter({ deviceNames: names(5) }), new ScopeQueue("", SCOPE), 0);
    look(entry, 3);
    entry.return(2);
    entry.return(0);
    expect(look(entry, 2)).toEqual([2, 0]);
    entry.return(1);
    expect(look(entry, 4)).toEqual([1, 3, 4, undefined]);
  });
});
