import { describe, expect, it } from "vitest";
import type { BatchDevice } from "../../../../src/gateway/queue/batch.js";
import { halves, soleCaller } from "../../../../src/gateway/queue/bisection.js";
import { aWaiter, names } from "../../../support/fake-command.js";

const [A, B] = [aWaiter({ caller: "a" }), aWaiter({ caller: "b" })];

/** Asked for by both, and taken into a call by the one or the other. */
const SHARED: readonly BatchDevice[] = names(4).map((name, index) => {
  const owners = [A, B].map((waiter) => ({ waiter, index }));
  return { name, owners: index === 0 ? owners : owners.toReversed() };
});

describe("devices that two callers share", () => {
  it("are halved as those of one caller, whichever of the two brought them into the call", () => {
    expect(halves(SHARED)).toEqual([SHARED.slice(0, 2), SHARED.slice(2)]);
  });

  it("are those of one caller, who is sent alone once they are refused by themselves", () => {
    expect(soleCaller(SHARED)).toBe("a");
  });
});
