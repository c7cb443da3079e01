// What is left in a running program after its garbage has been collected, asked through Node's inspector: the
// program itself needs no door for it. It has to run with INSPECTED among its variables.
import { WebSocket } from "undici";
import type { Program } from "../support/processes.js";

export const INSPECTED = { NODE_OPTIONS: "--inspect=127.0.0.1:0" };

/** Lines that Node itself prints because of it. */
export const INSPECTOR_LINE = /^(Debugger (listening on|attached|ending on)|For help, see:)/;

export interface Left {
  readonly memoryBytes: number;
  /** Sockets, timers and the like that keep a process alive, by kind. */
  readonly resources: Readonly<Record<string, number>>;
}

interface Reply {
  readonly id: number;
  readonly result: { readonly result?: { readonly value?: unknown } };
}

const MEASURE = `(() => {
  const { heapUsed, external } = process.memoryUsage();
  const resources = {};
  for (const each of process.getActiveResourcesInfo()) resources[each] = (resources[each] ?? 0) + 1;
  return { memoryBytes: heapUsed + external, resources };
})()`;

export async function leftIn(program: Program): Promise<Left> {
  const [, url = ""] = await program.said(/Debugger listening on (ws:\S+)/);
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  let lastId = 0;
  const ask = (method: string, params: object = {}) =>
    new Promise<Reply>((resolve, reject) => {
      const id = ++lastId;
      socket.addEventListener("close", () => reject(new Error("the program has gone")));
      socket.addEventListener("message", ({ data }) => {
        const reply = JSON.parse(String(data)) as Reply;
        if (reply.id === id) resolve(reply);
      });
      socket.send(JSON.stringify({ id, method, params }));
    });
  for (let times = 0; times < 2; times++) await ask("HeapProfiler.collectGarbage"); // what finalizers let go, too
  const { result } = await ask("Runtime.evaluate", { expression: MEASURE, returnByValue: true });
  socket.close();
  return result.result?.value as Left;
}
