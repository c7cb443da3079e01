// A proxy in front of a real Redis that is as strict as that of Alibaba Cloud's clustered Redis in
// its default setting: it reads every command, checks the text of each script, and refuses what is
// not supported there.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { refusalOf } from "./script-check.js";

export interface StrictRedis {
  readonly port: number;
  /** The refusals, in order. */
  readonly refusals: readonly string[];
  close(): void;
}

/** Starts it on a free port, in front of the server on another. */
export async function startStrictRedis(targetPort: number): Promise<StrictRedis> {
  const sockets = new Set<Socket>();
  const refusals: string[] = [];
  const server = createServer((near) => {
    const far = connect(targetPort, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
    }
    far.on("data", (chunk) => near.write(chunk));
    const state = { isInTransaction: false };
    let left = Buffer.alloc(0);
    near.on("data", (chunk) => {
      left = Buffer.concat([left, chunk]);
      for (let read = commandIn(left); read; read = commandIn(left)) {
        const refusal = refusalOfCommand(read.words, state);
        if (refusal) refusals.push(refusal);
        far.write(refusal ? saying(refusal) : left.subarray(0, read.length));
        left = left.subarray(read.length);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    refusals,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function refusalOfCommand(words: readonly string[], state: { isInTransaction: boolean }): string | undefined {
  const [name = "", first = "", ...rest] = words;
  const command = name.toLowerCase();
  if (command === "multi") state.isInTransaction = true;
  if (command === "exec" || command === "discard") state.isInTransaction = false;
  if (command === "hello") return "ERR command hello not support for normal user"; // hello_enabled is off
  if (command === "client" && /^(id|info|setinfo)$/i.test(first)) return "ERR unknown client subcommand";
  if (!/^(eval|evalsha|script)$/.test(command)) return undefined;
  if (state.isInTransaction) return `ERR ${command} is not supported in a transaction`;
  if (command === "script") return /^load$/i.test(first) ? refusalOf(rest[0] ?? "") : undefined;
  const [count, ...others] = rest;
  if (!(Number(count) > 0)) return "ERR for redis cluster, eval/evalsha number of keys can't be negative or zero";
  const tags = new Set(others.slice(0, Number(count)).map((key) => /\{(.+?)\}/.exec(key)?.[1] ?? key));
  if (tags.size > 1) return "ERR eval/evalsha command keys must be in same slot";
  return command === "eval" ? refusalOf(first) : undefined;
}

/** The first whole command, and its length in bytes. */
function commandIn(buffer: Buffer): { readonly words: string[]; readonly length: number } | undefined {
  const line = (from: number) => {
    const end = buffer.indexOf("\r\n", from);
    return end < 0 ? undefined : { value: Number(buffer.toString("latin1", from + 1, end)), next: end + 2 };
  };
  const count = line(0);
  if (!count) return undefined;
  const words: string[] = [];
  let at = count.next;
  while (words.length < count.value) {
    const size = line(at);
    if (!size || buffer.length < size.next + size.value + 2) return undefined;
    words.push(buffer.toString("utf8", size.next, size.next + size.value));
    at = size.next + size.value + 2;
  }
  return { words, length: at };
}

/** A command that the server answers with this error, so that answers stay in order. */
function saying(error: string): string {
  const words = ["EVAL", "return redis.error_reply(ARGV[1])", "0", error];
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
