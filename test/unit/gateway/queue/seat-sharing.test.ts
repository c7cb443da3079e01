import { expect, it } from "vitest";
import { MaxMin, type Vessel } from "../../../../src/gateway/queue/seat-sharing.js";
import { aVessel } from "../../../support/a-share.js";

it("MaxMin takes no seats from a caller for having another weight with every call", () => {
  const shares = new MaxMin<Vessel>();
  for (const caller of ["changing", "steady"]) shares.join(aVessel(caller));
  const had = { changing: 0, steady: 0 };
  for (let call = 0; call < 100; call++) {
    const cabin = { left: 6 };
    const take = ({ caller }: Vessel) => {
      if (caller === "changing") had.changing++;
      else had.steady++;
      cabin.left--;
      return true;
    };
    shares.share(cabin, (caller) => (caller === "changing" ? 4 + (call % 3) : 1), take);
  }
  // Five parts of six, as if it had always been 5.
  expect(Math.abs(had.changing - 500)).toBeLessThanOrEqual(5);
});
