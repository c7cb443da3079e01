import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRoom, encodedLength } from "../../../src/upstream/call-size.js";
import { CANCEL_BY_DEVICE, TASKS_OF_JOB } from "../../../src/upstream/device-operations.js";
import { makeRequest } from "../../../src/upstream/request.js";
import { percentEncode } from "../../../src/upstream/signature.js";

const url = new URL("https://iot.cn-shanghai.aliyuncs.com");
const making = { url, credentials: { accessKeyId: "a", accessKeySecret: "b" }, wallMs: 0, nonce: "n" };

const text = fc.string({ unit: "grapheme", maxLength: 60 });
const scopes = fc.record({ iotInstanceId: text, productKey: text, firmwareId: text, jobId: text });
const names = fc.array(fc.string({ unit: fc.constantFrom(..."abcXYZ019-_@.:"), minLength: 4, maxLength: 32 }), {
  minLength: 1,
  maxLength: 200,
});

describe("createRoom", () => {
  it.each([
    ["cancels", CANCEL_BY_DEVICE],
    ["reads", TASKS_OF_JOB],
  ])("never lets a call that %s fit whose address is longer than the budget", (_, shape) => {
    fc.assert(
      fc.property(scopes, names, fc.integer({ min: 500, max: 12_288 }), (scope, waiting, maxUrlBytes) => {
        const room = createRoom(url, maxUrlBytes, shape);
        let bytes = room.bytesOfScope(scope);
        const deviceNames = waiting.filter((name) => {
          const fits = bytes + room.bytesOfDevice(name) <= room.bytes;
          if (fits) bytes += room.bytesOfDevice(name);
          return fits;
        });
        fc.pre(bytes <= room.bytes);
        const address = `${url.origin}${makeRequest(shape.of(scope, deviceNames), making).path}`;
        expect(Buffer.byteLength(address)).toBeLessThanOrEqual(bytes);
        // And not by much: at most the two digits that early positions lack, and the first separator.
        expect(Buffer.byteLength(address)).toBeGreaterThanOrEqual(bytes - 2 * deviceNames.length - 1);
      }),
    );
  });

  it("has room for 200 plain names of any length by default, and for fewer of the worst", () => {
    const room = createRoom(url, 12_288, CANCEL_BY_DEVICE);
    const scope = { iotInstanceId: "iot-0123456789", productKey: "a1V4kde1234", firmwareId: "T".repeat(26), jobId: "" };
    const left = room.bytes - room.bytesOfScope(scope);
    expect(200 * room.bytesOfDevice("x".repeat(32))).toBeLessThan(left);
    expect(200 * room.bytesOfDevice(":".repeat(32))).toBeGreaterThan(left);
  });
});

describe("encodedLength", () => {
  it("is the length of the encoded text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (any) => {
        expect(encodedLength(any)).toBe(percentEncode(any).length);
      }),
    );
  });
});
