import { describe, expect, it } from "vitest";
import { AccountStatistics } from "../../../src/emulator/account-statistics.js";
import { HandClock } from "../../support/hand-clock.js";

describe("AccountStatistics", () => {
  it("adds refusals before a call is known to those of the cancels (was: lost those of the same code)", () => {
    const statistics = new AccountStatistics(new HandClock());
    statistics.outside.refused("InvalidTimeStamp.Expired");
    statistics.of("CancelOTATaskByDevice").refused("InvalidTimeStamp.Expired");
    statistics.of("QueryOTAJob").refused("iot.ota.InvalidJobId");
    const { refused, operations } = statistics.counts();
    expect(refused).toEqual({ "InvalidTimeStamp.Expired": 2 });
    expect(operations["QueryOTAJob"]?.refused).toEqual({ "iot.ota.InvalidJobId": 1 });
  });
});
