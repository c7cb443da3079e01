// Encodes DER, as far as a certificate needs it: every value is a tag, a length and its content.

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  const bytes = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...bytes]), body]);
}

export const sequence = (...contents: readonly Uint8Array[]) => der(0x30, ...contents);
export const set = (...contents: readonly Uint8Array[]) => der(0x31, ...contents);
export const octets = (content: Uint8Array) => der(0x04, content);
export const utf8 = (text: string) => der(0x0c, Buffer.from(text));
export const bits = (content: Uint8Array) => der(0x03, Buffer.from([0]), content);
export const yes = der(0x01, Buffer.from([0xff]));

/** For positive numbers. */
export const integer = (bytes: Uint8Array) => der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.from([0, ...bytes]));

export function time(wallMs: number): Buffer {
  const text = new Date(wallMs).toISOString().replace(/[-:T]|\.\d+/g, ""); // 20300101000000Z
  return der(0x18, Buffer.from(text));
}

/** An object identifier, like `2.5.29.17`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = rest.flatMap((each) => {
    const groups = [each & 0x7f];
    for (let left = each >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]));
}
