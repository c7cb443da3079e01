// Everything that may share a call. Each device waits once, whoever asked for it: `owners` names exactly
// the devices that wait here, and for whom. Seats go by priority, within it by weighted max-min over
// callers, and to each caller's devices in the order they came.
import { PRIORITIES, type Priority, type Scope } from "../command.js";
import type { Room } from "../upstream.js";
import { Cabin, type Owner, type Seat } from "./batch.js";
import type { Isolation } from "./bisection.js";
import { type Berth, Berths } from "./caller-queue.js";
import type { Place } from "./queue-entry.js";
import type { Line } from "./requeue-list.js";

/** What a call is filled by, beside who waits. */
export interface Boarding {
  readonly room: Room;
  readonly weightOf: (caller: string) => number;
  readonly mayBoard: (place: Place) => boolean;
}

/** How many wait. */
export interface Crowd {
  readonly callers: number;
  readonly devices: number;
}

export class Lane {
  readonly key: string;
  readonly scope: Scope;
  /** What its devices are suspected of, if they are being told apart: nobody else may join them. */
  readonly isolation: Isolation | undefined;
  readonly #classes: Record<Priority, Berths> = { urgent: new Berths(), normal: new Berths(), bulk: new Berths() };
  readonly #waiting: Record<Priority, number> = { urgent: 0, normal: 0, bulk: 0 };
  readonly #owners = new Map<string, Place | Place[]>();

  constructor(key: string, scope: Scope, isolation?: Isolation) {
    this.key = key;
    this.scope = scope;
    this.isolation = isolation;
  }

  /** How many devices wait, each counted once. */
  get size(): number {
    return this.#owners.size;
  }

  /** Who waits in a class: callers, and devices, each counted for everybody who asked for it. */
  crowd(priority: Priority): Crowd {
    return { callers: this.#classes[priority].size, devices: this.#waiting[priority] };
  }

  *places(): Iterable<Place> {
    for (const priority of PRIORITIES) for (const { line } of this.#classes[priority]) yield* line;
  }

  /** The places of one caller. */
  placesOf(caller: string): Place[] {
    return PRIORITIES.flatMap((priority) => [...(this.#classes[priority].get(caller)?.line ?? [])]);
  }

  add(place: Place): void {
    this.#lineOf(place).add(place);
  }

  addInFront(place: Place): void {
    this.#lineOf(place).addInFront(place);
  }

  remove(place: Place): void {
    this.#classes[place.waiter.command.priority].remove(place);
  }

  /** This place waits for the device too. */
  own(place: Place, name: string): void {
    const owned = this.#owners.get(name);
    if (owned === undefined) this.#owners.set(name, place);
    else if (Array.isArray(owned)) owned.push(place);
    else this.#owners.set(name, [owned, place]);
    this.#count(place, 1);
  }

  /** Nothing waits here for this place any more. Returns the positions of what did. */
  disown(place: Place): number[] {
    const waited: number[] = [];
    for (let index = place.peek(); place.waiting > 0 && index !== undefined; index = place.peek()) {
      if (this.#drop(place, place.waiter.command.deviceNames[index] as string)) {
        this.#count(place, -1);
        waited.push(index);
      }
      place.advance();
    }
    return waited;
  }

  /** Fills a call in the turn of `turn`, which gets a seat whoever else waits. */
  fill(turn: Place, { room, weightOf, mayBoard }: Boarding): Seat[] {
    const cabin = new Cabin(room, this.scope);
    const { caller, priority } = turn.waiter.command;
    const boarding = new Map<Berth, Iterator<void>>();
    const takeSeat = (berth: Berth) => {
      let seated = boarding.get(berth);
      if (!seated) {
        seated = this.#board(berth.line, cabin, mayBoard);
        boarding.set(berth, seated);
      }
      return seated.next().done === false;
    };
    // Nobody of a higher class waits, unless this turn is one that lower classes get all the same.
    const own = this.#classes[priority];
    own.shares.share(cabin, weightOf, takeSeat, own.get(caller));
    for (const other of PRIORITIES) {
      if (other !== priority) this.#classes[other].shares.share(cabin, weightOf, takeSeat);
    }
    return cabin.seats;
  }

  /** Seats the devices of a line that may board, as far as they fit: one whenever it is resumed. */
  *#board(line: Iterable<Place>, cabin: Cabin, mayBoard: (place: Place) => boolean): Generator<void, void> {
    for (const place of line) {
      if (!mayBoard(place)) continue;
      for (let index = place.peek(); place.waiting > 0 && index !== undefined; index = place.peek()) {
        const name = place.waiter.command.deviceNames[index] as string;
        const owned = this.#owners.get(name);
        const isOwn = owned === place || (Array.isArray(owned) && owned.includes(place));
        if (isOwn && !cabin.fits(name)) return;
        place.advance();
        if (!isOwn) continue;
        this.#owners.delete(name);
        const owners: Owner[] = [{ waiter: place.waiter, index }];
        this.#count(place, -1);
        if (Array.isArray(owned)) {
          for (const other of owned) {
            if (other === place) continue;
            owners.push({ waiter: other.waiter, index: other.waiter.indexOf(name, index) });
            this.#count(other, -1);
          }
        }
        cabin.seat(name, owners);
        yield;
      }
    }
  }

  #lineOf({ waiter }: Place): Line<Place> {
    return this.#classes[waiter.command.priority].lineOf(waiter.command.caller);
  }

  #count(place: Place, change: number): void {
    place.waiting += change;
    this.#waiting[place.waiter.command.priority] += change;
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
}
