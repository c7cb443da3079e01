// A call while it is filled: it holds as many devices as the upstream takes, and as many as its address has bytes for.
import type { Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";

/** A device in a call, with all waiters that asked for it. */
export interface BatchDevice {
  readonly name: string;
  /** The first owner took it into the call, and pays for the seat. */
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

  /** Seats left. There are none once a device did not fit: no shorter one may overtake it. */
  get left(): number {
    return this.#isFull ? 0 : this.#room.devices - this.devices.length;
  }

  /** Whether there is room for the device. There always is for the first. */
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
