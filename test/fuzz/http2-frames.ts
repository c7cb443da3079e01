// HTTP/2 frames byte by byte (RFC 9113), right or wrong: no library would send most of what is wanted here.

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY = 0x20;

/** One frame; `declared` lies about its length. */
export function frame(type: number, flags: number, stream: number, content: Buffer, declared?: number): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(declared ?? content.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, content]);
}

/** A header block without compression: literals that are not indexed. */
export function headerBlock(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (each: string) => {
    const bytes = Buffer.from(each, "latin1");
    return Buffer.concat([integer(bytes.length, 7), bytes]);
  };
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** An integer as HPACK has it, in a byte whose other bits are zero. */
function integer(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.from([value]);
  const bytes = [most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A SETTINGS frame of pairs of identifier and value. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const content = pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]));
  return frame(FRAME.settings, 0, 0, Buffer.concat(content));
}

/** What every HTTP/2 connection begins with. */
export const OPENING = Buffer.concat([PREFACE, settings()]);

/** A request's headers as gRPC wants them. */
export function grpcHeaders(method: string): [name: string, value: string][] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", `/${method}`],
    [":authority", "gateway"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ];
}
