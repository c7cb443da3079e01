// Everything that waits in one scope. Each device waits once, whoever asked for it: `owners` names
// exactly the devices that wait here, and for whom.
import type { Scope } from "./command.js";
import { Line } from "./line.js";
import type { Room } from "./upstream.js";
import type { Waiter } from "./waiter.js";

/** A device on board, and everybody who asked for it. */
export interface Seat {
  readonly name: string;
  readonly owners: readonly Owner[];
}

/** A waiter, and the position of the device in its request. */
export interface Owner {
  readonly waiter: Waiter;
  readonly index: number;
}

/** A waiter's devices that wait. */
export class Place {
  readonly waiter: Waiter;
  readonly lane: Lane;
  /** How many there are. */
  waiting = 0;
  /** Where to look for them: first those that came back from a call, then those never sent. */
  readonly #returned: number[] = [];
  #next: number;

  constructor(waiter: Waiter, lane: Lane, next: number) {
    this.waiter = waiter;
    this.lane = lane;
    this.#next = next;
  }

  return(index: number): void {
    this.#returned.push(index);
  }

  /** The next position to look at; it may have been sent for somebody else already. */
  peek(): number | undefined {
    const returned = this.#returned[0];
    if (returned !== undefined) return returned;
    return this.#next < this.waiter.command.deviceNames.length ? this.#next : undefined;
  }

  advance(): void {
    if (this.#returned.shift() === undefined) this.#next++;
  }
}

export class Lane {
  readonly scope: Scope;
  readonly key: string;
  readonly places = new Line<Place>();
  readonly #owners = new Map<string, Place | Place[]>();

  constructor(scope: Scope, key: string) {
    this.scope = scope;
    this.key = key;
  }

  /** How many devices wait, each counted once. */
  get size(): number {
    return this.#owners.size;
  }

  /** This place waits for the device too. */
  own(place: Place, name: string): void {
    const owned = this.#owners.get(name);
    if (owned === undefined) this.#owners.set(name, place);
    else if (Array.isArray(owned)) owned.push(place);
    else this.#owners.set(name, [owned, place]);
    place.waiting++;
  }

  /** Nobody waits here for this place any more. */
  disown(place: Place): void {
    for (let index = place.peek(); place.waiting > 0 && index !== undefined; index = place.peek()) {
      const name = place.waiter.command.deviceNames[index] as string;
      if (this.#drop(place, name)) place.waiting--;
      place.advance();
    }
  }

  /** Fills a call: first from `first`, then from whoever else waits here and may board. */
  fill(first: Place, room: Room, mayBoard: (place: Place) => boolean): Seat[] {
    const seats: Seat[] = [];
    let bytesLeft = room.bytes - room.bytesOfScope(this.scope);
    /** Whether there is room left. */
    const fillFrom = (place: Place): boolean => {
      for (let index = place.peek(); place.waiting > 0 && index !== undefined; index = place.peek()) {
        const name = place.waiter.command.deviceNames[index] as string;
        const owners = this.#ownersOf(name);
        if (owners.includes(place)) {
          const bytes = room.bytesOfDevice(name);
          if (seats.length === room.devices || (bytes > bytesLeft && seats.length > 0)) return false;
          bytesLeft -= bytes;
          this.#owners.delete(name);
          for (const owner of owners) owner.waiting--;
          seats.push({ name, owners: owners.map(({ waiter }) => ({ waiter, index: waiter.indexOf(name, index) })) });
        }
        place.advance();
      }
      return seats.length < room.devices;
    };
    let hasRoom = fillFrom(first);
    for (const place of this.places) {
      if (!hasRoom) break;
      if (mayBoard(place)) hasRoom = fillFrom(place);
    }
    return seats;
  }

  /** False if this place does not wait for the device. */
  #drop(place: Place, name: string): boolean {
    const owned = this.#owners.get(name);
    if (!Array.isArray(owned)) return owned === place && this.#owners.delete(name);
    const index = owned.indexOf(place);
    if (index < 0) return false;
    owned.splice(index, 1); // in place: a great many may wait for one device
    if (owned.length === 0) this.#owners.delete(name);
    return true;
  }

  #ownersOf(name: string): readonly Place[] {
    const owned = this.#owners.get(name);
    return owned === undefined ? [] : Array.isArray(owned) ? owned : [owned];
  }
}
