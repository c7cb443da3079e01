import { expect, it } from "vitest";
import { ReadFeed } from "../../../../src/observe/admin/read-feed.js";
import { anEnd, aSentCall } from "../../../support/observed-calls.js";

it("ReadFeed counts the calls of one reading operation, and tells the last code", () => {
  const feed = new ReadFeed();
  for (const [n, end] of (["accepted", "accepted", "refused"] as const).entries()) {
    const call = aSentCall(n * 40_000);
    feed.sent(call);
    feed.ended(call, anEnd(call, { kind: end, ...(end === "refused" && { code: "NoPermission" }) }));
  }
  expect(feed.snapshot("ListOTATaskByJob", { mode: "shared", callsPerSecond: 10 }, 80_100)).toEqual({
    operation: "ListOTATaskByJob",
    mode: "shared",
    limit: 10,
    callsLastMinute: 2,
    accepted: 2,
    notAccepted: 1,
    lastCode: "NoPermission",
  });
});
