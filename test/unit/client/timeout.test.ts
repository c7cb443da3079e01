// How long the client waits for an answer.
import { describe, expect, it } from "vitest";
import { timeoutOf } from "../../../src/client/timeout.js";

describe("timeoutOf", () => {
  it("is a minute unless the caller says otherwise", () => {
    expect([timeoutOf(undefined), timeoutOf(5000)]).toEqual([60_000, 5000]);
  });
});
