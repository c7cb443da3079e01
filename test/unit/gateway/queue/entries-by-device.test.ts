import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EntriesByDevice } from "../../../../src/gateway/queue/entries-by-device.js";
import { anEntry } from "../../../support/queue-entries.js";

describe("EntriesByDevice", () => {
  it("knows the entries that wait for each device, while they come and go", () => {
    const known = [anEntry(), anEntry(), anEntry()];
    const step = fc.record({
      kind: fc.constantFrom("add", "add", "remove", "delete"),
      name: fc.constantFrom("a", "b", "c"),
      nth: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const entries = new EntriesByDevice();
        const model = new Map<string, Set<unknown>>();
        for (const { kind, name, nth } of steps) {
          const entry = known[nth] as (typeof known)[number];
          const owned = model.get(name) ?? new Set();
          if (kind === "add" && !owned.has(entry)) {
            entries.add(name, entry);
            model.set(name, owned.add(entry));
          }
          if (kind === "remove") {
            expect(entries.remove(name, entry)).toBe(owned.delete(entry));
            if (owned.size === 0) model.delete(name);
          }
          if (kind === "delete") {
            entries.delete(name);
            model.delete(name);
          }
          expect(entries.size).toBe(model.size);
          for (const each of ["a", "b", "c"]) {
            for (const one of known) {
              const others = entries.othersOf(each, one);
              const all = model.get(each) ?? new Set();
              expect(others && new Set([...others, one])).toEqual(all.has(one) ? all : undefined);
            }
          }
        }
      }),
    );
  });
});
