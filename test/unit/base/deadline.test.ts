import { describe, expect, it } from "vitest";
import { DeadlineExceeded, withDeadline } from "../../../src/base/deadline.js";
import { HandClock, settle } from "../../support/hand-clock.js";

const NEVER = new Promise<never>(() => {});

describe("withDeadline", () => {
  it("settles as the promise does, and leaves no timer", async () => {
    const clock = new HandClock();
    expect(await withDeadline(clock, 10, Promise.resolve("done"))).toBe("done");
    await expect(withDeadline(clock, 10, Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(clock.armed).toBe(0);
  });

  it("rejects at its time, and takes no notice of what comes later", async () => {
    const clock = new HandClock();
    let fail: (error: Error) => void = () => {};
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const given = withDeadline(clock, 10, work, { message: "no answer within 10 ms" });
    given.catch(() => {});
    await clock.advance(10);
    await expect(given).rejects.toThrow(new DeadlineExceeded("no answer within 10 ms"));
    fail(new Error("too late")); // and not an unhandled rejection
    await settle();
  });

  it("rejects with the signal's reason when it aborts, before and while it waits", async () => {
    const clock = new HandClock();
    const abort = new AbortController();
    const given = withDeadline(clock, Infinity, NEVER, { signal: abort.signal });
    expect(clock.armed).toBe(0); // Infinity is no deadline
    abort.abort(new Error("left"));
    await expect(given).rejects.toThrow("left");
    await expect(withDeadline(clock, Infinity, NEVER, { signal: abort.signal })).rejects.toThrow("left");
  });
});
