import { describe, expect, it } from "vitest";
import type { QueueEntry } from "../../../../src/gateway/queue/queue-entry.js";
import { names } from "../../../support/fake-command.js";
import { anEntry } from "../../../support/queue-entries.js";

/** All of its devices wait. */
function entryOf(devices: number): QueueEntry {
  const entry = anEntry({ deviceNames: names(devices) });
  entry.waiting = devices;
  return entry;
}

function look(entry: QueueEntry, times: number): (number | undefined)[] {
  return Array.from({ length: times }, () => {
    const index = entry.peek();
    if (index !== undefined) entry.advance();
    return index;
  });
}

describe("QueueEntry", () => {
  it("is looked through in the order of the request", () => {
    expect(look(entryOf(3), 4)).toEqual([0, 1, 2, undefined]);
  });

  it("is looked through first where devices came back, and goes on then where it was", () => {
    const entry = entryOf(5);
    look(entry, 3);
    entry.return(2);
    entry.return(0);
    expect(look(entry, 2)).toEqual([2, 0]);
    entry.return(1);
    expect(look(entry, 4)).toEqual([1, 3, 4, undefined]);
  });

  it("is looked through no further than its devices wait", () => {
    const entry = entryOf(2);
    entry.waiting = 0;
    expect(entry.peek()).toBeUndefined();
  });

  it("does not grow with what came back and was sent again (was: by eight bytes for each, for days)", () => {
    const entry = entryOf(300);
    look(entry, 300);
    for (let index = 0; index < 100; index++) entry.return(index);
    const usedBytes = process.memoryUsage().heapUsed;
    for (let n = 0; n < 100_000; n++) {
      for (let index = 0; index < 200; index++) entry.return((n * 200 + index) % 300);
      for (let index = 0; index < 200; index++) entry.advance();
    }
    expect(process.memoryUsage().heapUsed - usedBytes).toBeLessThan(80_000_000); // 20 million came back
    expect(look(entry, 100)).toHaveLength(100);
  });
});
