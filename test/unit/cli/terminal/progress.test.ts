import { describe, expect, it } from "vitest";
import { paintFor } from "../../../../src/cli/terminal/paint.js";
import { type Position, ProgressLine } from "../../../../src/cli/terminal/progress.js";
import { HandClock } from "../../../support/hand-clock.js";

function setUp(isTTY: boolean, columns = 80) {
  const clock = new HandClock();
  const written: string[] = [];
  const position: { now: Position } = { now: { devices: 0, total: 200_000, calls: 0, failed: 0 } };
  const screen = { isTTY, columns, write: (text: string) => written.push(text) };
  const progress = new ProgressLine(
    screen,
    (_, text) => text,
    clock,
    () => position.now,
  );
  return { clock, written, position, progress };
}

describe("ProgressLine", () => {
  it("redraws one line on a terminal, which never is as wide as the screen", async () => {
    for (const columns of [40, 60, 80, 200]) {
      const { clock, written, position, progress } = setUp(true, columns);
      await clock.advance(1000);
      position.now = { devices: 123_456, total: 200_000, calls: 1234, failed: 1234 };
      await clock.advance(1000);
      progress.end();
      const lines = written.map((text) => text.replace("\r\x1b[K", ""));
      expect(written.every((text) => text.startsWith("\r\x1b[K") && !text.includes("\n"))).toBe(true);
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(columns);
      expect(lines.at(-2)).toContain("123,456/200,000");
      expect(clock.armed).toBe(0);
    }
  });

  it("writes a plain line every five seconds elsewhere, at the rate of the last five", async () => {
    const { clock, written, position, progress } = setUp(false);
    await clock.advance(5000);
    position.now = { devices: 10_000, total: 200_000, calls: 50, failed: 1 };
    await clock.advance(5000);
    progress.end();
    expect(written).toEqual([
      "0 of 200,000 devices, 0/s, 0 calls\n",
      "10,000 of 200,000 devices, 1 failed, 2,000/s, 1 min 35 s left, 50 calls\n",
    ]);
  });

  it("counts no calls where nothing is sent", async () => {
    const { clock, written, position, progress } = setUp(false);
    position.now = { devices: 10_000, total: undefined, calls: undefined, failed: 0 };
    await clock.advance(5000);
    progress.end();
    expect(written).toEqual(["10,000 devices, 2,000/s\n"]);
  });

  it("knows no share and no end of a list that is still coming", async () => {
    const { clock, written, position, progress } = setUp(true);
    position.now = { devices: 500, total: undefined, calls: 3, failed: 0 };
    await clock.advance(200);
    progress.end();
    expect(written[0]).toBe("\r\x1b[K500 devices  2,500/s  3 calls");
  });
});

describe("paintFor", () => {
  it("paints on a terminal, unless NO_COLOR or a dumb terminal forbids it", () => {
    const screen = { isTTY: true } as const;
    expect(paintFor(screen, {})("red", "x")).toBe("\x1b[31mx\x1b[0m");
    expect(paintFor(screen, { NO_COLOR: "1" })("red", "x")).toBe("x");
    expect(paintFor(screen, { TERM: "dumb" })("red", "x")).toBe("x");
    expect(paintFor({ isTTY: false } as never, {})("red", "x")).toBe("x");
  });
});
