import { expect, it } from "vitest";
import { SeatSharing, type Share } from "../../../../src/gateway/queue/seat-sharing.js";
import { allot, aShare } from "../../../support/seat-shares.js";

it("SeatSharing takes no seats from a caller for having another weight with every call", () => {
  let nth = 0;
  const shares = new SeatSharing<Share>((caller) => (caller === "changing" ? 4 + (nth % 3) : 1));
  for (const caller of ["changing", "steady"]) shares.join(aShare(caller));
  const had = { changing: 0, steady: 0 };
  for (let call = 0; call < 100; call++) {
    const seatsOfCall = { left: 6 };
    const take = ({ caller }: Share) => {
      if (caller === "changing") had.changing++;
      else had.steady++;
      seatsOfCall.left--;
      return true;
    };
    nth = call;
    allot(shares, seatsOfCall, take);
  }
  // Five parts of six, as if it had always been 5.
  expect(Math.abs(had.changing - 500)).toBeLessThanOrEqual(5);
});
