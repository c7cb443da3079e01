// Everything that may share a call. Each device waits once, whoever asked for it: `owners` names exactly
// the devices that wait here, and for whom. Seats go by priority, within it by weighted max-min over
// callers, and to each caller's devices in the order they came.
import { type Berth, type Boarding, sharesOf, wantsOf } from "./berth.js";
import { Cabin, type Owner, type Seat } from "./cabin.js";
import { PRIORITIES, type Priority, type Scope } from "./command.js";
import type { Isolation } from "./isolation.js";
import { Line } from "./line.js";
import type { Share } from "./max-min.js";
import type { Place } from "./place.js";

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
  readonly #classes: Record<Priority, Map<string, Berth>> = {
    urgent: new Map(),
    normal: new Map(),
    bulk: new Map(),
  };
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
    for (const priority of PRIORITIES) for (const { line } of this.#classes[priority].values()) yield* line;
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
    const { caller, priority } = place.waiter.command;
    const line = this.#lineOf(place);
    line.delete(place);
    if (line.size === 0) this.#classes[priority].delete(caller);
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
  fill(turn: Place, boarding: Boarding): Seat[] {
    const cabin = new Cabin(boarding.room, this.scope);
    const { caller, priority } = turn.waiter.command;
    // Nobody of a higher class waits, unless this turn is one that lower classes get all the same.
    const order = [priority, ...PRIORITIES.filter((other) => other !== priority)];
    for (const each of order) this.#fillClass(this.#classes[each], caller, cabin, boarding);
    return cabin.seats;
  }

  #fillClass(berths: Map<string, Berth>, first: string, cabin: Cabin, boarding: Boarding): void {
    // Once more after devices that several callers wait for: each took one seat for all of them.
    for (let before = -1; cabin.left > 0 && cabin.seats.length > before; ) {
      before = cabin.seats.length;
      const wants = wantsOf(berths, cabin.left, boarding);
      const turn = before === 0 ? wants.findIndex(({ caller }) => caller === first) : -1;
      const shares = sharesOf(wants, cabin.left, turn);
      for (const [n, { berth }] of wants.entries()) {
        const { seats, owed } = shares[n] as Share;
        berth.owed = owed;
        if (seats > 0) this.#seat(berth.line, seats, cabin, boarding.mayBoard);
      }
    }
  }

  #seat(line: Iterable<Place>, share: number, cabin: Cabin, mayBoard: (place: Place) => boolean): void {
    let left = share;
    for (const place of line) {
      if (left === 0 || cabin.left === 0) return;
      if (!mayBoard(place)) continue;
      for (let index = place.peek(); left > 0 && place.waiting > 0 && index !== undefined; index = place.peek()) {
        const name = place.waiter.command.deviceNames[index] as string;
        const owners = this.#ownersOf(name);
        if (owners.includes(place)) {
          if (!cabin.fits(name)) return;
          this.#owners.delete(name);
          for (const owner of owners) this.#count(owner, -1);
          const owner = ({ waiter }: Place): Owner => ({ waiter, index: waiter.indexOf(name, index) });
          cabin.seat(name, [place, ...owners.filter((other) => other !== place)].map(owner));
          left--;
        }
        place.advance();
      }
    }
  }

  #lineOf({ waiter }: Place): Line<Place> {
    const { caller, priority } = waiter.command;
    const berths = this.#classes[priority];
    let berth = berths.get(caller);
    if (!berth) {
      berth = { line: new Line(), owed: 0 };
      berths.set(caller, berth);
    }
    return berth.line;
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

  #ownersOf(name: string): readonly Place[] {
    const owned = this.#owners.get(name);
    return owned === undefined ? [] : Array.isArray(owned) ? owned : [owned];
  }
}
