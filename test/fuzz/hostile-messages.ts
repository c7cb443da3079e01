// Bytes that pretend to be protobuf: random ones, and valid requests with something wrong in them.
import {
  CancelTasksByDeviceRequest,
  Priority,
  StreamCancelTasksByDeviceRequest,
} from "../../src/gen/ota/v1/ota_service.js";
import type { Chance } from "./chance.js";

/** Mostly short: long random bytes all fail at their beginning. */
export function randomMessage(chance: Chance): Buffer {
  const bytes = chance.bytes(chance.below(chance.pick([4, 40, 400])));
  // Half of them begin with the tag of a field that exists, so that more than the first byte is read.
  if (chance.below(2) === 0 && bytes.length > 0) bytes.writeUInt8((chance.below(12) << 3) | chance.pick([0, 1, 2, 5]));
  return bytes;
}

/** A request that is fine but for being mutated later, and that asks to be looked at only, as its first field and its last. */
export function validRequest(chance: Chance, n: number): Buffer {
  const request = CancelTasksByDeviceRequest.fromPartial({
    productKey: "a1EmulatorPk",
    firmwareId: "firmware",
    deviceNames: Array.from({ length: 1 + chance.below(5) }, (_, device) => `device-${n}-${device}`),
    jobId: `job-${n}`, // a call of its own, if it is ever sent
    iotInstanceId: "iot-060a0000",
    account: "default",
    priority: chance.pick([Priority.UNSPECIFIED, Priority.BULK, Priority.NORMAL, Priority.URGENT]),
    requireAll: chance.below(2) === 0,
    reason: "battery of 60 °C, 召回",
  });
  return Buffer.concat([VALIDATE_ONLY, CancelTasksByDeviceRequest.encode(request).finish(), VALIDATE_ONLY]);
}

/** The same as the only message of a stream. */
export function inStream(request: Buffer, n: number): Buffer {
  const sequence = 2n ** 64n - 1n - BigInt(n);
  const outer = StreamCancelTasksByDeviceRequest.encode({ sequence, request: undefined, withdraw: false }).finish();
  return Buffer.concat([outer, Buffer.from([0x12]), varint(request.length), request]);
}

/** With one to three things wrong. */
export function mutated(message: Buffer, chance: Chance): Buffer {
  let bytes = message;
  for (let times = 1 + chance.below(3); times > 0; times--) bytes = chance.pick(MUTATIONS)(bytes, chance);
  return bytes;
}

const VALIDATE_ONLY = Buffer.from([0x40, 0x01]);

type Mutation = (bytes: Buffer, chance: Chance) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  // A bit is another.
  (bytes, chance) => {
    const copy = Buffer.from(bytes);
    const at = chance.below(Math.max(copy.length, 1));
    if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ (1 << chance.below(8)), at);
    return copy;
  },
  // The end is missing, or the beginning.
  (bytes, chance) => bytes.subarray(0, chance.below(bytes.length + 1)),
  (bytes, chance) => bytes.subarray(chance.below(bytes.length + 1)),
  // All of it twice, or a piece in the middle.
  (bytes) => Buffer.concat([bytes, bytes]),
  (bytes, chance) => {
    const [from, to] = [chance.below(bytes.length + 1), chance.below(bytes.length + 1)];
    return inserted(bytes, bytes.subarray(Math.min(from, to), Math.max(from, to)), chance);
  },
  (bytes, chance) => inserted(bytes, chance.bytes(1 + chance.below(20)), chance),
  // Fields that are out of range, in a form of their own, or that nobody knows.
  (bytes, chance) => Buffer.concat([bytes, chance.pick(STRANGE_FIELDS)(chance)]),
  (bytes, chance) => Buffer.concat([chance.pick(STRANGE_FIELDS)(chance), bytes]),
];

const TEXT_FIELDS = [1, 2, 3, 4, 5, 6, 10];

const STRANGE_TEXTS: readonly string[] = [
  "",
  "\0\0\0\0",
  "\u001b[31mred\u001b]0;title\u0007",
  "line\r\n{}",
  "line\u2028line",
  "\u202eevil-device",
  "device\u200d-1",
  "dеvice-1", // its second letter is not ours
  "../../etc/passwd",
  "%0d%0aset-cookie: a=b",
  "__proto__",
  "x".repeat(100_000),
];

const STRANGE_FIELDS: readonly ((chance: Chance) => Buffer)[] = [
  // A tag or a value that is a huge varint.
  () => Buffer.from("ffffffffffffffffff01", "hex"),
  () => Buffer.from("ffffffffffffffffffffff7f", "hex"),
  (chance) => Buffer.concat([tag(chance.pick([7, 8, 9, 11]), 0), varint(2 ** 31 + chance.below(2 ** 31))]),
  () => Buffer.concat([tag(7, 0), Buffer.from("ffffffffffffffffff01", "hex")]),
  // A length that lies.
  (chance) => Buffer.concat([tag(chance.pick(TEXT_FIELDS), 2), varint(chance.pick([2 ** 31 - 1, 2 ** 32 - 1, 50]))]),
  // The right field with the wrong type.
  (chance) => Buffer.concat([tag(1 + chance.below(12), chance.below(8)), chance.bytes(8)]),
  // Bytes that are not UTF-8: alone, cut off, too long, and half of a pair.
  (chance) =>
    text(chance.pick(TEXT_FIELDS), Buffer.from(chance.pick(["ff", "e5", "c080", "eda080", "f8888080"]), "hex")),
  (chance) => text(chance.pick(TEXT_FIELDS), Buffer.from(chance.pick(STRANGE_TEXTS))),
  // Very many empty names, in few bytes.
  () => Buffer.alloc(60_000, Buffer.from([0x1a, 0])),
  // Groups in groups of a field that nobody knows: with their ends, and without.
  (chance) => Buffer.alloc(1 + chance.below(20_000), tag(15, 3)),
  () => Buffer.concat([Buffer.alloc(50, tag(15, 3)), Buffer.alloc(50, tag(15, 4))]),
  () => Buffer.concat([Buffer.alloc(10_000, tag(15, 3)), Buffer.alloc(10_000, tag(15, 4))]),
  () => tag(15, 4),
];

function inserted(bytes: Buffer, piece: Buffer, chance: Chance): Buffer {
  const at = chance.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function text(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);
}

function tag(field: number, type: number): Buffer {
  return varint(field * 8 + type);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
