// Clients without credentials that take all they can get: streams with as many headers as fit, which HPACK sends for a
// byte each, and messages that never become whole. Byte by byte, so that they cost the machine little.
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { ACK, END_HEADERS, END_STREAM, FRAME, frame, grpcHeaders, headerBlock, OPENING } from "./http2-frames.js";

export const STRANGE = {
  watch: "grpc.health.v1.Health/Watch",
  reflection: "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
  cancel: "ota.v1.OtaService/CancelTasksByDevice",
} as const;

/** One entry of HPACK's table takes at most 4 KB. */
const VALUE_BYTES = 2890;
/** The entry that was made last. */
const INDEXED = 0x80 | 62;

export interface Load {
  readonly connections: number;
  readonly streams: number;
  /** Of each stream, when they are unpacked. */
  readonly headerBytes: number;
  /** The name that they give themselves. */
  readonly caller?: string;
  readonly localAddress?: string;
}

export interface Strangers {
  /** Connections that the gateway has not ended. */
  open(): number;
  leave(): void;
}

/** So many connections with so many streams each, whose headers have so many bytes when they are unpacked. */
export async function occupy(address: string, method: string, load: Load): Promise<Strangers> {
  const { connections, streams, headerBytes, caller, localAddress } = load;
  const sockets: Socket[] = [];
  for (let n = 0; n < connections; n++) {
    const socket = await opened(address, localAddress);
    sockets.push(socket);
    answerPings(socket);
    for (let stream = 0; stream < streams; stream++) {
      socket.write(headersFrame(2 * stream + 1, method, Math.floor(headerBytes / VALUE_BYTES), stream === 0, caller));
      if (method === STRANGE.watch) socket.write(frame(FRAME.data, END_STREAM, 2 * stream + 1, Buffer.alloc(5)));
    }
  }
  return {
    open: () => sockets.filter(({ destroyed }) => !destroyed).length,
    leave: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** So many streams of reflection, each with 690 KB of a message of 700 KB, as far as the gateway takes it. */
export async function begin(address: string, method: string, connections: number, streams: number, headers = {}) {
  const begun = Buffer.alloc(690_000);
  begun.writeUInt32BE(700_000, 1);
  const sessions = Array.from({ length: connections }, () =>
    connectHttp2(`http://${address}`, { maxSessionMemory: 1000 }),
  );
  const statuses: string[] = [];
  for (const session of sessions) {
    session.on("error", () => {});
    await once(session, "connect");
    for (let n = 0; n < streams; n++) {
      const path = { ":method": "POST", ":path": `/${method}`, "content-type": "application/grpc", te: "trailers" };
      const stream = session.request({ ...path, ...headers });
      stream.on("error", () => {}).resume();
      stream.on("response", (response) => statuses.push(String(response["grpc-status"])));
      stream.write(begun);
    }
  }
  return {
    statuses,
    leave: () => {
      for (const session of sessions) session.destroy();
    },
  };
}

async function opened(address: string, localAddress?: string): Promise<Socket> {
  const [host, port] = address.split(":");
  const socket = connect({ port: Number(port), ...(host && { host }), ...(localAddress && { localAddress }) });
  socket.on("error", () => {});
  socket.write(OPENING);
  await once(socket, "connect");
  return socket;
}

/** A connection whose client does not answer is ended soon. */
function answerPings(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const isAnswer = rest.readUInt8(4) & ACK;
      if (rest.readUInt8(3) === FRAME.ping && !isAnswer) {
        socket.write(frame(FRAME.ping, ACK, 0, rest.subarray(9, end)));
      }
      if (rest.readUInt8(3) === FRAME.settings && !isAnswer)
        socket.write(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
      rest = rest.subarray(end);
    }
  });
}

/** The first of a connection puts the value into the table; those after it name it by a byte. */
function headersFrame(stream: number, method: string, values: number, isFirst: boolean, caller = ""): Buffer {
  const [added = Buffer.alloc(0)] = values > 0 && isFirst ? [headerBlock([["x-a", "v".repeat(VALUE_BYTES)]])] : [];
  if (added.length > 0) added.writeUInt8(0x40, 0); // literal with indexing
  const repeated = Buffer.alloc(Math.max(values - (isFirst ? 1 : 0), 0), INDEXED);
  const block = Buffer.concat([headerBlock([...grpcHeaders(method), ["x-ota-caller", caller]]), added, repeated]);
  return frame(FRAME.headers, END_HEADERS, stream, block);
}
