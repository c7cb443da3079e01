import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LineQueue } from "../../../src/base/line-queue.js";

function textOf(queue: LineQueue): string {
  return queue.take()?.bytes.toString() ?? "";
}

describe("LineQueue", () => {
  it("gives lines back in order, as one batch", () => {
    const queue = new LineQueue(100);
    queue.add("a\n", 0);
    queue.add("ü\n", 0);
    expect(queue).toMatchObject({ lines: 2, bytes: 5 });
    expect(queue.take()).toEqual({ bytes: Buffer.from("a\nü\n"), written: 0 });
    expect(queue.take()).toBeUndefined();
    expect(queue).toMatchObject({ lines: 0, bytes: 0 });
  });

  it("says where lines were lost, how many and when", () => {
    const queue = new LineQueue(4);
    expect(queue.add("a\n", 0)).toBe(true);
    expect(queue.add("b\n", 0)).toBe(true);
    expect(queue.add("c\n", 1000)).toBe(false);
    expect(queue.add("d\n", 2500)).toBe(false);
    expect(queue.lines).toBe(2);
    const gap = '{"lost":2,"from":"1970-01-01T00:00:01.000Z","to":"1970-01-01T00:00:02.500Z"}\n';
    expect(queue.take()).toMatchObject({ bytes: Buffer.from(`a\nb\n${gap}`) });
    queue.add("e\n", 3000);
    expect(textOf(queue)).toBe("e\n");
  });

  it("takes no more than a megabyte at a time, and a longer line alone", () => {
    const queue = new LineQueue(1 << 24);
    const line = `${"x".repeat(9999)}\n`;
    for (let n = 0; n < 300; n++) queue.add(line, 0);
    queue.add(line.repeat(200), 0);
    queue.add("end\n", 0);
    const sizes = [];
    for (let batch = queue.take(); batch; batch = queue.take()) sizes.push(batch.bytes.length);
    expect(sizes).toEqual([1_040_000, 1_040_000, 920_000, 2_000_000, 4]);
  });

  it("loses no line without saying so, and never holds more than its bound", () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant("take" as const)), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (todo) => {
        const queue = new LineQueue(30);
        let text = "";
        for (const [n, step] of todo.entries()) {
          if (step === "take") text += textOf(queue);
          else queue.add(`${JSON.stringify({ n, pad: "x".repeat(step) })}\n`, 0);
          expect(queue.bytes).toBeLessThanOrEqual(30);
        }
        text += textOf(queue);
        // Told or counted, in their places.
        let next = 0;
        const told = text.split("\n").filter(Boolean);
        const sent = todo.flatMap((step, n) => (step === "take" ? [] : [n]));
        for (const each of told.map((line) => JSON.parse(line) as { n?: number; lost?: number })) {
          if (each.lost !== undefined) next += each.lost;
          else expect(each.n).toBe(sent[next++]);
        }
        expect(next).toBe(sent.length);
      }),
    );
  });
});
