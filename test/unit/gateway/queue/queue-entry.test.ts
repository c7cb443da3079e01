import { describe, expect, it } from "vitest";
import { Place } from "../../../../src/gateway/queue/queue-entry.js";
import { Lane } from "../../../../src/gateway/queue/scope-queue.js";
import { aWaiter, names, SCOPE } from "../../../support/fake-command.js";

function look(place: Place, times: number): (number | undefined)[] {
  return Array.from({ length: times }, () => {
    const index = place.peek();
    if (index !== undefined) place.advance();
    return index;
  });
}

describe("Place", () => {
  it("is looked through in the order of the request", () => {
    expect(look(new Place(aWaiter({ deviceNames: names(3) }), new Lane("", SCOPE), 0), 4)).toEqual([
      0,
      1,
      2,
      undefined,
    ]);
  });

  it("is looked through first where devices came back, and goes on then where it was", () => {
    const place = new Place(aWaiter({ deviceNames: names(5) }), new Lane("", SCOPE), 0);
    look(place, 3);
    place.return(2);
    place.return(0);
    expect(look(place, 2)).toEqual([2, 0]);
    place.return(1);
    expect(look(place, 4)).toEqual([1, 3, 4, undefined]);
  });
});
