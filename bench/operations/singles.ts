// Requests for one device each, at random moments: what a caller waits beside something else.
import { createCaller } from "../../test/support/grpc-caller.js";

/** The waits in ms, for as long as `goesOn`. Rejects if a request fails. */
export async function singles(grpc: string, goesOn: (waits: number) => boolean): Promise<number[]> {
  const caller = createCaller(grpc, { "x-ota-caller": "single" });
  const waitsMs: number[] = [];
  while (goesOn(waitsMs.length)) {
    await new Promise((resolve) => setTimeout(resolve, 37 + Math.random() * 100));
    const startMs = performance.now();
    await caller.cancel([`single-${waitsMs.length}`], { productKey: "a1Bench", firmwareId: "Bench030100" }).answer;
    waitsMs.push(performance.now() - startMs);
  }
  caller.close();
  return waitsMs;
}
