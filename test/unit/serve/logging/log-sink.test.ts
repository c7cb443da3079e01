import { describe, expect, it } from "vitest";
import { LogSink } from "../../../../src/serve/logging/log-sink.js";
import { HandClock } from "../../../support/hand-clock.js";

/** The longest that it waits before it looks again. */
const AGAIN_MS = 100;

/** A sink into a pipe that takes so many bytes, or says what is wrong. */
function setUp() {
  const pipe = { text: "", room: Infinity, trouble: "", tries: 0 };
  const clock = new HandClock();
  const put = (bytes: Buffer, written: number) => {
    pipe.tries++;
    if (pipe.trouble) throw Object.assign(new Error(pipe.trouble), { code: pipe.trouble });
    if (pipe.room === 0) throw Object.assign(new Error("EAGAIN"), { code: "EAGAIN" });
    const part = bytes.subarray(written, written + pipe.room);
    pipe.text += part.toString();
    pipe.room -= part.length;
    return part.length;
  };
  return { pipe, clock, sink: new LogSink(put, clock) };
}

describe("LogSink", () => {
  it("writes each line at once", () => {
    const { pipe, clock, sink } = setUp();
    sink.write("a\n");
    sink.write("b\n");
    expect(pipe.text).toBe("a\nb\n");
    expect(clock.armed).toBe(0);
  });

  it.each(["EAGAIN", "ENOSPC", "EFBIG", "EIO"])(
    "keeps lines in order while it hears %s, and looks again",
    async (code) => {
      const { pipe, clock, sink } = setUp();
      pipe.trouble = code;
      sink.write("a\n");
      sink.write("b\n");
      await clock.advance(10 * AGAIN_MS);
      expect(pipe.text).toBe("");
      expect(pipe.tries).toBe(1 + 7 + 8); // after 1, 2, 4 … 64 ms, and then each 100
      pipe.trouble = "";
      sink.write("c\n");
      expect(pipe.text).toBe(""); // in its turn
      await clock.advance(AGAIN_MS);
      expect(pipe.text).toBe("a\nb\nc\n");
      sink.write("d\n");
      expect(pipe.text).toBe("a\nb\nc\nd\n");
      expect(clock.armed).toBe(0);
    },
  );

  it("goes on in the middle of a line", async () => {
    const { pipe, clock, sink } = setUp();
    pipe.room = 3;
    sink.write("first\n");
    sink.write("second\n");
    expect(pipe.text).toBe("fir");
    pipe.room = 5;
    await clock.advance(AGAIN_MS);
    expect(pipe.text).toBe("first\nse");
    pipe.room = Infinity;
    await clock.advance(AGAIN_MS);
    expect(pipe.text).toBe("first\nsecond\n");
  });

  it("holds no more than its bound, and says how many lines were lost", async () => {
    const { pipe, clock, sink } = setUp();
    pipe.room = 0;
    const line = `${"x".repeat(1023)}\n`;
    for (let n = 0; n < 3000; n++) sink.write(line);
    pipe.room = Infinity;
    await clock.advance(AGAIN_MS);
    const lines = pipe.text.trimEnd().split("\n");
    const lost = lines.filter((each) => each.startsWith("{")).map((each) => JSON.parse(each).lost);
    expect(lost).toEqual([3000 - (lines.length - 1)]);
    expect(lines.length).toBeGreaterThan(1000);
    expect(lines.length).toBeLessThan(1100);
  });

  it("waits a little for a pipe that is full when the process ends, and no longer", () => {
    const { pipe, sink } = setUp();
    pipe.room = 0;
    for (let n = 0; n < 100; n++) sink.write(`${n}\n`);
    let pauses = 0;
    sink.end(() => {
      pauses++;
      pipe.room = 7; // somebody reads, slowly
    });
    expect(pipe.text).toBe(Array.from({ length: 100 }, (_, n) => `${n}\n`).join(""));
    expect(pauses).toBe(Math.ceil(pipe.text.length / 7));
    pipe.room = 0;
    sink.write("lost\n");
    pauses = 0;
    sink.end(() => void pauses++);
    expect(pauses).toBe(200);
  });

  it("does not wait at the end for a disk that is full", () => {
    const { pipe, sink } = setUp();
    pipe.trouble = "ENOSPC";
    sink.write("lost\n");
    sink.end(() => expect.unreachable());
    expect(pipe.tries).toBe(2);
  });

  it("writes nothing more once nobody can read it", async () => {
    const { pipe, clock, sink } = setUp();
    pipe.trouble = "EPIPE";
    sink.write("a\n");
    pipe.trouble = "";
    sink.write("b\n");
    expect([pipe.text, pipe.tries, clock.armed]).toEqual(["", 1, 0]);
  });
});
