// Follows an operation of either kind until it ends, and shows how far it is.
import { systemClock } from "../base/clock.js";
import { visible } from "../base/visible-text.js";
import { type Client, isGood, type OperationStatus, type Outcome, type StopProgress } from "../client/client.js";
import { paintFor } from "./terminal/paint.js";
import { ProgressLine } from "./terminal/progress.js";

const STEPS: Partial<Record<StopProgress["step"], string>> = {
  PLAN: "reading the batches, and how many tasks are in which state",
  CLOSE: "closing dynamic batches, so that no device joins them",
  CANCEL: "canceling whole batches",
  SETTLE: "counting what is left",
  SWEEP: "canceling what is left, device by device",
};

/** Resolves with its last state: its end, or what was known when `signal` was aborted. */
export async function followOperation(client: Client, name: string, signal: AbortSignal): Promise<OperationStatus> {
  const operation = client.operation(name);
  const paint = paintFor(process.stderr);
  let latest = await operation.get();
  const progress = new ProgressLine(process.stderr, paint, systemClock, () => ({
    devices: Math.max(latest.devices - latest.devicesWaiting, 0), // of a stop, tasks may appear
    total: latest.devices > 0 ? latest.devices : undefined,
    calls: latest.upstreamCalls,
    failed: failedOf(latest),
  }));
  let [step, obstacle] = ["", ""];
  try {
    await operation.wait({
      signal,
      onProgress: (status) => {
        latest = status;
        const words = status.stop && STEPS[status.stop.step];
        if (words && words !== step) progress.note(`${words} …`);
        step = words ?? step;
        if (status.obstacle && status.obstacle !== obstacle)
          progress.note(paint("yellow", `waiting: ${visible(status.obstacle)}`));
        obstacle = status.obstacle;
      },
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    progress.end();
  }
  return latest;
}

function failedOf({ outcomes }: OperationStatus): number {
  return Object.entries(outcomes).reduce(
    (sum, [outcome, devices]) => (isGood(outcome as Outcome) ? sum : sum + devices),
    0,
  );
}
