// The content of one reading call: devices of one source, or a trial with one name known to exist
// and one known to be missing, which shows what the operation does with a missing name.
import type { Span } from "@opentelemetry/api";
import type { SentWork } from "../call/call-loop.js";
import type { SentCall } from "../call-observer.js";
import type { Scope } from "../command.js";
import { type BatchDevice, countByCaller } from "../queue/batch.js";
import type { Waiter } from "../waiter.js";
import type { DeviceSource, DevicesToRead } from "./device-source.js";

export type DeviceBatch =
  | ({ readonly kind: "devices"; readonly source: DeviceSource } & DevicesToRead)
  | { readonly kind: "trial"; readonly scope: Scope; readonly existing: string; readonly missing: string };

/** The scope and the names of the call. */
export function askedBy(batch: DeviceBatch): { readonly scope: Scope; readonly names: readonly string[] } {
  if (batch.kind === "trial") return { scope: batch.scope, names: [batch.existing, batch.missing] };
  return { scope: batch.scopeQueue.scope, names: batch.devices.map(({ name }) => name) };
}

/** A batch once sent. */
export class SentDeviceBatch implements SentWork {
  readonly batch: DeviceBatch;
  readonly waiters: readonly { readonly span: Span | undefined }[];
  readonly #devices: readonly BatchDevice[];
  readonly #waitingSinceMs: number;

  constructor(batch: DeviceBatch, sentMs: number) {
    this.batch = batch;
    this.#devices = batch.kind === "trial" ? [] : batch.devices;
    const waiters = new Set<Waiter>(this.#devices.flatMap(({ owners }) => owners.map(({ waiter }) => waiter)));
    this.waiters = [...waiters];
    let sinceMs = sentMs;
    for (const { arrivedMs } of waiters) sinceMs = Math.min(sinceMs, arrivedMs);
    this.#waitingSinceMs = sinceMs;
  }

  sentCall(sentMs: number, sentWallMs: number): SentCall {
    const { scope, names } = askedBy(this.batch);
    const { productKey, firmwareId, jobId } = scope;
    const tokenWaitMs = Math.round(sentMs - this.#waitingSinceMs);
    const about = { productKey, firmwareId, jobId, devices: names.length };
    const devicesByCaller = countByCaller(this.#devices);
    return { sentMs, sentWallMs, ...about, devicesByCaller, attempt: 1, tokenWaitMs };
  }
}
