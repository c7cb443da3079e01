// Devices that have been read, gathered until they fill a canceling call: a reading call has room
// for fewer. Nobody waits for others for longer than a bound, and nobody waits at all when no more
// is read, or when it is urgent or has little time left.
import type { Clock } from "../../base/clock.js";
import { scopeKey } from "../command.js";
import type { BatchDevice } from "../queue/batch.js";
import type { Batch } from "../queue/queue.js";

/** Those of one scope, to be released together. */
type GatheredBatch = Pick<Batch, "scopeQueue"> & { readonly devices: BatchDevice[] };

export interface GatheredDevicesOptions {
  readonly clock: Clock;
  /** Devices that a canceling call takes. */
  readonly devicesPerCall: number;
  /** They wait to be sent from now on. */
  readonly release: (batch: Pick<Batch, "devices" | "scopeQueue">) => void;
}

/** A device that was read is sent no later than this after it. */
const LONGEST_WAIT_MS = 500;
/** With less time left than that it does not wait for others: it still has to be sent. */
const LITTLE_TIME_MS = 2 * LONGEST_WAIT_MS;

export class GatheredDevices {
  readonly #options: GatheredDevicesOptions;
  readonly #byScope = new Map<string, { readonly batch: GatheredBatch; readonly disarm: () => void }>();

  constructor(options: GatheredDevicesOptions) {
    this.#options = options;
  }

  /**
   * `nextDevices`: how many the next reading of this scope may add; 0 if there is none to wait for.
   */
  add({ devices, scopeQueue }: Pick<Batch, "devices" | "scopeQueue">, nextDevices: number): void {
    const { clock, devicesPerCall } = this.#options;
    const key = scopeKey(scopeQueue.scope);
    let gathered = this.#byScope.get(key);
    if (!gathered) {
      const disarm = clock.at(clock.now() + LONGEST_WAIT_MS, () => this.#release(key));
      gathered = { batch: { scopeQueue, devices: [] }, disarm };
      this.#byScope.set(key, gathered);
    }
    gathered.batch.devices.push(...devices);
    const isFull = gathered.batch.devices.length + nextDevices > devicesPerCall;
    const hurries = (device: BatchDevice) => isUrgent(device, clock.now() + LITTLE_TIME_MS);
    if (nextDevices === 0 || isFull || devices.some(hurries)) this.#release(key);
  }

  /** Releases all of them. */
  close(): void {
    for (const key of [...this.#byScope.keys()]) this.#release(key);
  }

  #release(key: string): void {
    const gathered = this.#byScope.get(key);
    if (!gathered) return;
    gathered.disarm();
    this.#byScope.delete(key);
    this.#options.release(gathered.batch);
  }
}

/** `soonMs`: a deadline before this time is near. */
function isUrgent({ owners }: BatchDevice, soonMs: number): boolean {
  return owners.some(({ waiter: { command } }) => command.priority === "urgent" || command.answerByMs < soonMs);
}
