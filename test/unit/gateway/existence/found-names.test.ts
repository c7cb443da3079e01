import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FoundNames } from "../../../../src/gateway/existence/found-names.js";
import { aScope } from "../../../support/fake-command.js";

const MINUTE = 60_000;
const PRODUCT = aScope("product");

describe("FoundNames", () => {
  it("believes what was found for five minutes", () => {
    const found = new FoundNames();
    found.note(PRODUCT, ["dev-1"], 1000);
    expect(found.has(PRODUCT, "dev-1", 1000 + 5 * MINUTE)).toBe(true);
    expect(found.has(PRODUCT, "dev-1", 2000 + 5 * MINUTE)).toBe(false);
    expect(found.has(PRODUCT, "dev-1", 1000 + MINUTE, MINUTE)).toBe(true);
    expect(found.has(PRODUCT, "dev-1", 2000 + MINUTE, MINUTE)).toBe(false);
  });

  it("knows a device by its product and instance, whatever the firmware", () => {
    const found = new FoundNames();
    found.note(PRODUCT, ["dev-1"], 0);
    expect(found.has({ ...PRODUCT, firmwareId: "other", jobId: "job" }, "dev-1", 0)).toBe(true);
    expect(found.has(aScope("other"), "dev-1", 0)).toBe(false);
    expect(found.has({ ...PRODUCT, iotInstanceId: "other" }, "dev-1", 0)).toBe(false);
  });

  it("never says that a device was found that was not, and holds no more than its bound", () => {
    const step = fc.record({
      kind: fc.constantFrom("note", "forget", "look"),
      product: fc.constantFrom("a", "b"),
      name: fc.nat(30).map((n) => `dev-${n}`),
      ms: fc.nat(2 * MINUTE),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 2, max: 20 }), (steps, most) => {
        const found = new FoundNames(most);
        const notedMs = new Map<string, number>();
        let nowMs = 0;
        for (const { kind, product, name, ms } of steps) {
          nowMs += ms;
          const scope = aScope(product);
          const key = `${product} ${name}`;
          if (kind === "note") {
            found.note(scope, [name], nowMs);
            notedMs.set(key, nowMs);
            expect(found.has(scope, name, nowMs)).toBe(true);
          } else if (kind === "forget") {
            found.forget(scope, name);
            notedMs.delete(key);
            expect(found.has(scope, name, nowMs)).toBe(false);
          } else if (found.has(scope, name, nowMs)) {
            expect(nowMs - (notedMs.get(key) ?? -Infinity)).toBeLessThanOrEqual(5 * MINUTE + 1000);
          }
          expect(found.size).toBeLessThanOrEqual(most + 1);
        }
      }),
    );
  });
});
