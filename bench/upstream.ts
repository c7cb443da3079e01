// An upstream for measuring, independent of our emulator: it verifies nothing, answers every call with
// Success after a random time, and notes by its own clock when each call arrived. A process of its own.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mostInAnySecond } from "../test/support/arrivals.js";

/** What it has seen. */
export interface Counts {
  readonly calls: number;
  readonly devices: number;
  readonly distinctDevices: number;
  readonly worstSecond: number;
  readonly spanMs: number;
  readonly meanAnswerMs: number;
}

const latencyMs = Number(process.argv[2]);
const jitterMs = Number(process.argv[3]);
const arrivals: number[] = [];
const devices: string[] = [];
let answeringMs = 0;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const server = createServer({ maxHeaderSize: 65_536, keepAliveTimeout: 60_000 }, async (request, response) => {
  const startMs = performance.now();
  const delayMs = Math.max(0, latencyMs + (2 * Math.random() - 1) * jitterMs);
  const outMs = delayMs * Math.random();
  if (outMs > 0) await wait(outMs);
  arrivals.push(performance.now());
  const { searchParams } = new URL(request.url ?? "/", "http://upstream");
  for (const [name, value] of searchParams) if (name.startsWith("DeviceName.")) devices.push(value);
  if (delayMs > 0) await wait(delayMs - outMs);
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ RequestId: `call-${arrivals.length}`, Success: true }));
  answeringMs += performance.now() - startMs;
});

server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit());
process.on("message", () => {
  const counts: Counts = {
    calls: arrivals.length,
    devices: devices.length,
    distinctDevices: new Set(devices).size,
    worstSecond: mostInAnySecond(arrivals),
    spanMs: Math.max(...arrivals) - Math.min(...arrivals),
    meanAnswerMs: answeringMs / arrivals.length,
  };
  process.send?.(counts);
});
