// A call while it is being filled, limited by the upstream's maximum of devices and by the bytes of
// its address.
import type { Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";

/** A device in a call, with all waiters that asked for it. */
export interface BatchDevice {
  readonly name: string;
  /** The first owner brought the device into the call, and pays for the seat. */
  readonly owners: readonly Owner[];
}

/** A waiter, and the position of the device in its request. */
export interface Owner {
  readonly waiter: Waiter;
  readonly index: number;
}

export class BatchBuilder {
  readonly devices: BatchDevice[] = [];
  readonly #room: Room;
  #bytesLeft: number;
  #isFull = false;

  constructor(room: Room, scope: Scope) {
    this.#room = room;
    this.#bytesLeft = room.bytes - room.bytesOfScope(scope);
  }

  /** Free seats. None once a device did not fit, so that no shorter one overtakes it. */
  get left(): number {
    return this.#isFull ? 0 : this.#room.devices - this.devices.length;
  }

  /** Whether there is room for the device. The first device always fits. */
  fits(name: string): boolean {
    const fits = this.devices.length === 0 || (this.left > 0 && this.#room.bytesOfDevice(name) <= this.#bytesLeft);
    this.#isFull ||= !fits;
    return fits;
  }

  add(device: BatchDevice): void {
    this.#bytesLeft -= this.#room.bytesOfDevice(device.name);
    this.devices.push(device);
  }
}

/** How many devices each caller has among these; one that two callers asked for counts for both. */
export function countByCaller(devices: readonly BatchDevice[]): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (caller: string) => counts.set(caller, (counts.get(caller) ?? 0) + 1);
  for (const { owners } of devices) {
    const [first] = owners;
    if (first && owners.length === 1) count(first.waiter.command.caller);
    else for (const caller of new Set(owners.map(({ waiter }) => waiter.command.caller))) count(caller);
  }
  return counts;
}
