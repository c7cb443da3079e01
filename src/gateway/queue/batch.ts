// The seats of one call while it is filled: as many as the upstream takes devices, and as many as its
// address has bytes for.
import type { Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";

/** A device in the call, and everybody who asked for it. */
export interface BatchDevice {
  readonly name: string;
  /** The first of them took it into the call, and pays. */
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

  /** Seats left; none once a device did not fit. */
  get left(): number {
    return this.#isFull ? 0 : this.#room.devices - this.devices.length;
  }

  /** Whether there is room for the device. There is always room for one. */
  fits(name: string): boolean {
    const fits = this.devices.length === 0 || (this.left > 0 && this.#room.bytesOfDevice(name) <= this.#bytesLeft);
    this.#isFull ||= !fits;
    return fits;
  }

  add(name: string, owners: readonly Owner[]): void {
    this.#bytesLeft -= this.#room.bytesOfDevice(name);
    this.devices.push({ name, owners });
  }
}
