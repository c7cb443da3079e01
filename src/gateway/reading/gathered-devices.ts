// Devices that have been read, gathered until they fill a canceling call: a reading call has room for fewer. Nobody
// waits for others for longer than a bound, and nobody waits at all when no more is read, or when it is urgent.
import type { Clock } from "../../base/clock.js";
import type { Scope } from "../command.js";
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

export class GatheredDevices {
  readonly #options: GatheredDevicesOptions;
  readonly #byScope = new Map<Scope, { readonly batch: GatheredBatch; readonly disarm: () => void }>();

  constructor(options: GatheredDevicesOptions) {
    this.#options = options;
  }

  /** `nextDevices`: how many the next reading of this scope may add; 0 if there is none to wait for. */
  add({ devices, scopeQueue }: Pick<Batch, "devices" | "scopeQueue">, nextDevices: number): void {
    const { clock, devicesPerCall } = this.#options;
    const scope = this.#known(scopeQueue.scope);
    let gathered = this.#byScope.get(scope);
    if (!gathered) {
      const disarm = clock.at(clock.now() + LONGEST_WAIT_MS, () => this.#release(scope));
      gathered = { batch: { scopeQueue, devices: [] }, disarm };
      this.#byScope.set(scope, gathered);
    }
    gathered.batch.devices.push(...devices);
    const isFull = gathered.batch.devices.length + nextDevices > devicesPerCall;
    if (nextDevices === 0 || isFull || devices.some(isUrgent)) this.#release(scope);
  }

  /** Releases all of them. */
  close(): void {
    for (const scope of [...this.#byScope.keys()]) this.#release(scope);
  }

  #release(scope: Scope): void {
    const gathered = this.#byScope.get(scope);
    if (!gathered) return;
    gathered.disarm();
    this.#byScope.delete(scope);
    this.#options.release(gathered.batch);
  }

  /** Equal scopes of different requests are different objects. */
  #known(scope: Scope): Scope {
    for (const known of this.#byScope.keys()) if (isSame(known, scope)) return known;
    return scope;
  }
}

function isSame(a: Scope, b: Scope): boolean {
  const sameProduct = a.productKey === b.productKey && a.iotInstanceId === b.iotInstanceId;
  return sameProduct && a.firmwareId === b.firmwareId && a.jobId === b.jobId;
}

function isUrgent({ owners }: BatchDevice): boolean {
  return owners.some(({ waiter }) => waiter.command.priority === "urgent");
}
