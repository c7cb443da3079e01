import { describe, expect, it } from "vitest";
import { isOperationId, newOperationId } from "../../../src/operations/operation-id.js";

describe("newOperationId", () => {
  it("makes ids that differ and that sort by time", () => {
    const ids = [1_000, 1_001, 2_000_000_000_000].map(newOperationId);
    expect(ids.toSorted()).toEqual(ids);
    expect(ids.every(isOperationId)).toBe(true);
    expect(newOperationId(5)).not.toBe(newOperationId(5));
  });

  it.each(["", "01J", "01J0000000000000000000000I", "01j00000000000000000000000", "91J00000000000000000000000"])(
    "does not take %j for one",
    (text) => {
      expect(isOperationId(text)).toBe(false);
    },
  );
});
