// Decides how much fits into one call, counted in bytes of the whole encoded address. The sums are
// an upper bound, exact once positions have three digits, so a call that fits never exceeds the
// limit.
import type { Scope } from "../gateway/command.js";
import type { Room } from "../gateway/upstream.js";
import type { OperationShape } from "./device-operations.js";

/** `&DeviceNames.50=` or `&DeviceName.200=`: counts three digits for every position. */
const BYTES_BEFORE_NAME = "&DeviceName.200=".length;

/** Creates the room for calls to `url` whose address may take up to `maxUrlBytes`. */
export function createRoom(url: URL, maxUrlBytes: number, shape: OperationShape): Room {
  const bytesOfAddress = `${url.origin}${url.pathname}?`.length;
  return {
    devices: shape.devicesPerCall,
    bytes: maxUrlBytes,
    bytesOfScope(scope: Scope): number {
      let bytes = bytesOfAddress;
      for (const [name, value] of shape.of(scope, []).parameters) {
        bytes += "&=".length + name.length + encodedLength(value);
      }
      return bytes;
    },
    bytesOfDevice: (name) => BYTES_BEFORE_NAME + encodedLength(name),
  };
}

/** One byte for characters that are not encoded, three for the rest of ASCII. */
const ENCODED_ASCII_BYTES = Uint8Array.from({ length: 128 }, (_, code) =>
  /[A-Za-z0-9._~-]/.test(String.fromCharCode(code)) ? 1 : 3,
);

/**
 * Computes `percentEncode(text).length` without building the text, since this runs for every
 * device.
 */
export function encodedLength(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) bytes += ENCODED_ASCII_BYTES[code] ?? 3;
    // In UTF-8, two bytes up to U+07FF, four for a surrogate pair (two units), three for the
    // others.
    else bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 6 : 9;
  }
  return bytes;
}
