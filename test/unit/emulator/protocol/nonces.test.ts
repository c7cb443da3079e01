import { describe, expect, it } from "vitest";
import { CLOCK_TOLERANCE_MS, Nonces } from "../../../../src/emulator/protocol/nonces.js";
import { HandClock } from "../../../support/hand-clock.js";

describe("Nonces", () => {
  it("takes each nonce once", () => {
    const nonces = new Nonces(new HandClock());
    expect(["a", "b", "a"].map((nonce) => nonces.use(nonce))).toEqual([true, true, false]);
  });

  it("forgets a nonce once no timestamp could carry it any more, so that memory is bounded", async () => {
    const clock = new HandClock();
    const nonces = new Nonces(clock);
    nonces.use("a");
    await clock.advance(2 * CLOCK_TOLERANCE_MS);
    expect(nonces.use("a")).toBe(false);
    await clock.advance(1);
    expect(nonces.use("a")).toBe(true);
  });
});
