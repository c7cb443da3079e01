import { describe, expect, it } from "vitest";
import { isUnsent, transportMessage } from "../../../src/client/transport-words.js";

const REFUSED = "Error: connect ECONNREFUSED 127.0.0.1:1 (2026-01-02T03:04:05.678Z)";
const PICK_FIRST = `No connection established. Last error: ${REFUSED}. Resolution note: `;

describe("transportMessage", () => {
  it.each([
    [PICK_FIRST, "no connection to the gateway: connect ECONNREFUSED 127.0.0.1:1"],
    [
      `round_robin: No connection established. Last error: ${PICK_FIRST}`,
      "no connection to the gateway: connect ECONNREFUSED 127.0.0.1:1",
    ],
    ["round_robin: No connection established. Last error: null", "no connection to the gateway"],
    ["Name resolution failed for target dns:gw:1", "no connection to the gateway: gw:1 cannot be resolved"],
    [
      "Deadline exceeded after 3.002s,name resolution: 0.001s,Waiting for LB pick",
      "no connection to the gateway within the timeout",
    ],
    [
      "Deadline exceeded after 3.002s,LB pick: 0.001s,remote_addr=127.0.0.1:1",
      "the gateway did not answer within the timeout",
    ],
    ["Connection dropped", "the connection to the gateway broke"],
    ["read ECONNRESET", "the connection to the gateway broke"],
    ["Received HTTP status code 502", "not the gateway answered, but something on the way: HTTP 502"],
    [
      "Received message larger than max (800042 vs 745536)",
      "a message is larger than its receiver accepts: 800042 bytes, limit 745536",
    ],
    ["no gateway can be reached", "no gateway can be reached"], // a proxy's own words
  ])("says instead of: %s", (details, message) => {
    expect(transportMessage(details)).toBe(message);
  });
});

describe("isUnsent", () => {
  it("knows failures to connect from connections that broke", () => {
    const unsent = (details: string) => isUnsent({ message: transportMessage(details) });
    expect([PICK_FIRST, "Name resolution failed for target dns:gw:1"].map(unsent)).toEqual([true, true]);
    expect(["Connection dropped", "read ECONNRESET"].map(unsent)).toEqual([false, false]);
  });
});
