import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MessageMeter } from "../../../../src/grpc/transport/message-meter.js";
import { framed } from "../../../fuzz/raw-rpcs.js";

const at = (nowMs: number) => ({ now: () => nowMs });

describe("MessageMeter", () => {
  it("knows each message, however its bytes are cut", () => {
    const sizes = fc.array(fc.nat(300), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (lengths, cuts) => {
        const meter = new MessageMeter(300);
        const bytes = Buffer.concat(lengths.map((length) => framed(Buffer.alloc(length))));
        let from = 0;
        for (let n = 0; from < bytes.length; n++) {
          const cut = cuts[n % cuts.length] as number;
          expect(meter.read(bytes.subarray(from, from + cut), at(n))).toBe(true);
          from += cut;
        }
        expect(meter.begunMs).toBeUndefined();
        expect(lengths.map(() => meter.take())).toEqual(lengths.map((length) => length + 5));
        expect(meter.take()).toBe(0);
      }),
    );
  });

  it("tells since when a message has been under way", () => {
    const meter = new MessageMeter(100);
    expect(meter.begunMs).toBeUndefined();
    meter.read(Buffer.from([0]), at(7));
    meter.read(Buffer.from([0, 0, 0, 2, 1]), at(8));
    expect(meter.begunMs).toBe(7);
    meter.read(Buffer.from([1, 0]), at(9)); // the end of it, and the beginning of the next
    expect(meter.begunMs).toBe(9);
  });

  it("refuses a message by its length, before it comes", () => {
    expect(new MessageMeter(100).read(Buffer.from([0, 0, 0, 0, 100]), at(0))).toBe(true);
    expect(new MessageMeter(100).read(Buffer.from([0, 0, 0, 0, 101]), at(0))).toBe(false);
    expect(new MessageMeter(100).read(Buffer.from([0, 255, 255, 255, 255]), at(0))).toBe(false);
  });
});
