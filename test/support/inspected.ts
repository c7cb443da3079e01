// Reads what a running program holds through Node's inspector, so that the program needs no
// interface for it. The heap is collected first, so that only what is still referenced counts.
import { readdirSync } from "node:fs";
import { WebSocket } from "undici";
import type { Program, Variables } from "./processes.js";

/** Variables of a program to be inspected. */
export const INSPECTABLE: Variables = { NODE_OPTIONS: "--inspect=127.0.0.1:0" };

/** Lines that Node prints because of it. */
export const INSPECTOR_LINE = /^(Debugger (listening on|attached|ending on)|For help, see:)/;

/** Memory held after a full collection. */
export interface Memory {
  readonly heapMiB: number;
  /** Buffers, which are not on the heap. */
  readonly buffersMiB: number;
  readonly residentMiB: number;
}

/** Everything held after a full collection. */
export interface Held extends Memory {
  /**
   * One for each length of a timer. Node keeps the list of an unreferenced timer until that would
   * have run.
   */
  readonly timerLists: number;
  /** Of all emitters and abort signals together. */
  readonly listeners: number;
  readonly signals: number;
  readonly openFiles: number;
  /** Resources that keep the event loop alive: sockets, timers, requests. */
  readonly handles: number;
}

export interface Inspector {
  read(): Promise<Held>;
  /** A fraction of the work: objects are not looked for. */
  memory(): Promise<Memory>;
  /** The handles by kind. */
  handles(): Promise<Readonly<Record<string, number>>>;
  close(): void;
}

const MIB = 2 ** 20;

interface Remote {
  readonly objectId: string;
  readonly value: never;
}

/** The parts of the inspector's answers that are read. */
interface Answer {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result: { readonly result: Remote; readonly objects: Remote; readonly exceptionDetails?: object };
}

/** Runs in the program, on all objects of a kind. */
const COUNT = `function () {
  const { getEventListeners } = process.getBuiltinModule("node:events");
  let listeners = 0;
  for (const each of this) {
    if (each instanceof AbortSignal) listeners += getEventListeners(each, "abort").length;
    else if (each._events) for (const name of each.eventNames()) listeners += each.listenerCount(name);
  }
  return { objects: this.length, listeners };
}`;

/** The prototype of Node's timer lists, taken from a timer with a unique length. */
const TIMER_LIST = `(() => {
  const alone = setTimeout(() => {}, 1e8 + 1);
  const prototype = Object.getPrototypeOf(alone._idleNext);
  clearTimeout(alone);
  return prototype;
})()`;

/** Inspects a program that was started with INSPECTABLE. */
export async function inspect(program: Program): Promise<Inspector> {
  const [, url = ""] = await program.said(/^Debugger listening on (ws:\S+)$/m);
  const socket = new WebSocket(url);
  const waiting = new Map<number, { resolve(result: Answer["result"]): void; reject(reason: Error): void }>();
  let sent = 0;
  socket.addEventListener("message", ({ data: text }) => {
    const { id, error, result } = JSON.parse(String(text)) as Answer;
    const asked = waiting.get(id ?? -1);
    waiting.delete(id ?? -1);
    if (error ?? result?.exceptionDetails) asked?.reject(new Error(JSON.stringify(error ?? result.exceptionDetails)));
    else asked?.resolve(result);
  });
  socket.addEventListener("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the inspected program has ended"));
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });

  const ask = (method: string, params: object = {}) =>
    new Promise<Answer["result"]>((resolve, reject) => {
      const id = ++sent;
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, method, params }));
    });
  const evaluate = async <T>(expression: string): Promise<T> =>
    (await ask("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  const handles = () => evaluate<string[]>("process.getActiveResourcesInfo()");
  const countOf = async (prototype: string) => {
    const objectGroup = "counted";
    const { result } = await ask("Runtime.evaluate", { expression: prototype, objectGroup });
    const { objects } = await ask("Runtime.queryObjects", { prototypeObjectId: result.objectId, objectGroup });
    const call = { functionDeclaration: COUNT, objectId: objects.objectId, returnByValue: true };
    const counted = (await ask("Runtime.callFunctionOn", call)).result.value as { objects: number; listeners: number };
    await ask("Runtime.releaseObjectGroup", { objectGroup });
    return counted;
  };

  const memory = async (): Promise<Memory> => {
    // Twice: objects that the first collection leaves to finalizers are gone after the second.
    await ask("HeapProfiler.collectGarbage");
    await ask("HeapProfiler.collectGarbage");
    const { heapUsed, external, rss } = await evaluate<NodeJS.MemoryUsage>("process.memoryUsage()");
    return { heapMiB: heapUsed / MIB, buffersMiB: external / MIB, residentMiB: rss / MIB };
  };

  return {
    memory,
    handles: async () => countsOf(await handles()),
    async read() {
      const emitters = await countOf(`process.getBuiltinModule("node:events").prototype`);
      const timerLists = await countOf(TIMER_LIST);
      const signals = await countOf("AbortSignal.prototype");
      return {
        ...(await memory()),
        timerLists: timerLists.objects,
        listeners: emitters.listeners + signals.listeners,
        signals: signals.objects,
        openFiles: readdirSync(`/proc/${program.pid}/fd`).length,
        handles: (await handles()).length,
      };
    },
    close: () => socket.close(),
  };
}

function countsOf(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
