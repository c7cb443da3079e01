// A name server on loopback: every name has these IPv4 addresses, and no other records.
import { createSocket } from "node:dgram";
import { once } from "node:events";

export interface DnsServer {
  /** host:port; UDP only. */
  readonly address: string;
  close(): void;
}

const HEADER_BYTES = 12;

/** An answer, with authority, from a server that looks names up elsewhere if need be. */
const FLAGS = 0x8580;

const TYPE_A = 1;

export async function startDnsServer(addresses: readonly string[]): Promise<DnsServer> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { address, port }) => socket.send(answerTo(query, addresses), port, address));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { address: `127.0.0.1:${socket.address().port}`, close: () => void socket.close() };
}

/** Answers the first question, which is all that resolvers ask. */
function answerTo(query: Buffer, addresses: readonly string[]): Buffer {
  const typeAt = query.indexOf(0, HEADER_BYTES) + 1; // labels of a name have no zero byte
  const question = query.subarray(HEADER_BYTES, typeAt + 4);
  const records = query.readUInt16BE(typeAt) === TYPE_A ? addresses.map(recordOf) : [];
  const header = Buffer.alloc(HEADER_BYTES);
  [query.readUInt16BE(0), FLAGS, 1, records.length].forEach((field, index) => {
    header.writeUInt16BE(field, 2 * index);
  });
  return Buffer.concat([header, question, ...records]);
}

/** Of the name in the question, class IN, to be kept for no time. */
function recordOf(address: string): Buffer {
  return Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split(".").map(Number)]);
}
