import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heap, type HeapMember } from "../../../src/base/heap.js";
import { runs } from "../../support/property-runs.js";

interface Member extends HeapMember {
  rank: number;
}

const rank = fc.nat(30);
const step = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), rank }),
  fc.record({ kind: fc.constant("delete" as const), nth: fc.nat(60) }),
  fc.record({ kind: fc.constant("move" as const), nth: fc.nat(60), rank }),
);

describe("Heap", () => {
  it("has first whoever goes before all others, whoever came, left and changed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const heap = new Heap<Member>((a, b) => a.rank < b.rank);
        const all: Member[] = [];
        const inside = new Set<Member>();
        for (const each of steps) {
          const member = each.kind === "add" ? { rank: each.rank, position: -1 } : all[each.nth];
          if (!member) continue;
          if (each.kind === "add") {
            all.push(member);
            inside.add(member);
            heap.add(member);
          }
          if (each.kind === "delete") {
            inside.delete(member); // also of one who has left before
            heap.delete(member);
          }
          if (each.kind === "move" && inside.has(member)) {
            member.rank = each.rank;
            heap.move(member);
          }
          expect(heap.first?.rank).toBe(
            inside.size === 0 ? undefined : Math.min(...[...inside].map((one) => one.rank)),
          );
        }
        const order: number[] = [];
        for (let first = heap.first; first; first = heap.first) {
          expect(inside.has(first)).toBe(true);
          order.push(first.rank);
          heap.delete(first);
        }
        expect(order).toEqual([...inside].map((one) => one.rank).sort((a, b) => a - b));
      }),
      { numRuns: runs(500) },
    );
  });
});
