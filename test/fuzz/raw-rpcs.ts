// Rpcs over node:http2 whose headers and bytes are whatever a test wants, and what is answered. gRPC's own
// clients would refuse most of it.
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";

export interface RawRpc {
  readonly method: string;
  readonly body: Buffer;
  /** Beside those that belong to every rpc, or in place of them; undefined leaves one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Whether the client ends its half; an rpc that does not is reset when it has been answered. */
  readonly isOpen?: boolean;
}

/** Undefined where nothing was said. */
export interface RawAnswer {
  readonly httpStatus: number | undefined;
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string | undefined;
  readonly messages: readonly Buffer[];
}

/** Longer than any rpc of the fuzzer takes on a machine that is busy. */
const PATIENCE_MS = 15_000;

/** Rpcs that are under way at a time, and the connections that they share. */
const AT_A_TIME = 64;
const CONNECTIONS = 4;

/** The answers to all of them, in their order. */
export async function rawAnswers(address: string, rpcs: readonly RawRpc[]): Promise<RawAnswer[]> {
  const connections = Array.from({ length: Math.min(CONNECTIONS, rpcs.length) }, () => new RawConnection(address));
  const answers: RawAnswer[] = [];
  let next = 0;
  const lane = async (connection: RawConnection) => {
    while (next < rpcs.length) {
      const n = next++;
      answers[n] = await connection.ask(rpcs[n] as RawRpc);
    }
  };
  await Promise.all(
    Array.from({ length: AT_A_TIME }, (_, n) => lane(connections[n % connections.length] as RawConnection)),
  );
  await Promise.all(connections.map((connection) => connection.close()));
  return answers;
}

class RawConnection {
  readonly #session: ClientHttp2Session;

  constructor(address: string) {
    this.#session = connect(`http://${address}`);
    this.#session.on("error", () => {}); // shows in the rpcs
  }

  ask({ method, body, headers, isOpen }: RawRpc): Promise<RawAnswer> {
    const request = this.#session.request({
      ":method": "POST",
      ":path": `/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const told: Record<string, unknown> = {};
    const chunks: Buffer[] = [];
    request.on("response", (each) => Object.assign(told, each));
    request.on("trailers", (each) => Object.assign(told, each));
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => {}); // then it says no status, or one that came before
    // An answer can come before all has been sent. Resets are counted: a connection may have only so many.
    request.on("end", () => request.writableFinished || request.close());
    request.setTimeout(PATIENCE_MS, () => request.close());
    if (isOpen) request.write(body);
    else request.end(body);
    const number = (name: string) => (told[name] === undefined ? undefined : Number(told[name]));
    return new Promise((resolve) => {
      request.on("close", () =>
        resolve({
          httpStatus: number(":status"),
          grpcStatus: number("grpc-status"),
          grpcMessage: told["grpc-message"] as string | undefined,
          messages: messagesIn(Buffer.concat(chunks)),
        }),
      );
    });
  }

  async close(): Promise<void> {
    if (this.#session.destroyed) return;
    const closed = once(this.#session, "close");
    this.#session.destroy();
    await closed;
  }
}

/** A message as it stands on the wire. */
export function framed(message: Uint8Array, { isCompressed = false, length = message.length } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
