// Who waits for what, for one account, and whose turn it is. A batch is cut from what waits at that
// moment: one scope, filled with the devices of everybody who waits in it. Invariant: a device of an
// open waiter is here, or in a call, or settled.
import type { Scope } from "./command.js";
import { Lane, type Owner, Place, type Seat } from "./lane.js";
import { Line } from "./line.js";
import type { Room } from "./upstream.js";
import type { Waiter } from "./waiter.js";

/** The devices of one call. */
export interface Batch {
  readonly scope: Scope;
  readonly seats: readonly Seat[];
}

/** What a cut has to respect, beside whose turn it is. */
export interface Limits {
  readonly nowMs: number;
  /** Who has less time left than an answer takes is not taken on board. */
  readonly answerMs: number;
}

export interface CutLimits extends Limits {
  /** Only for a scope that has sent nothing for a second. */
  readonly newcomersOnly: boolean;
}

/** A scope that has sent nothing for so long is a newcomer. */
const SILENT_MS = 1000;

export class Queue {
  readonly #room: Room;
  readonly #lanes = new Map<string, Lane>();
  readonly #places = new Map<Waiter, Place>();
  /** What each caller waits for, oldest first. */
  readonly #callers = new Map<string, Line<Place>>();
  /** The callers that wait, in the order of their turns. */
  readonly #turns = new Line<string>();
  readonly #devicesByCaller = new Map<string, number>();
  readonly #callersByCalls = new Map<number, number>();
  /** When each scope was last cut, oldest first, as far back as it matters. */
  readonly #cutMs = new Map<string, number>();
  #devices = 0;
  #calls = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  /** Devices that wait, counted once for each waiter. */
  get devices(): number {
    return this.#devices;
  }

  /** Calls it takes to send everything that waits. */
  get calls(): number {
    return this.#calls;
  }

  /** The same as `devices`, for each caller that waits. */
  get devicesByCaller(): ReadonlyMap<string, number> {
    return this.#devicesByCaller;
  }

  /** How many callers wait for 1, 2, 3… calls' worth of devices: few entries, however many callers. */
  get callersByCalls(): ReadonlyMap<number, number> {
    return this.#callersByCalls;
  }

  /** Whether a cut for newcomers only would find anybody. */
  hasNewcomer(limits: Limits): boolean {
    for (const lane of this.#lanes.values()) {
      if (!this.#isSilent(lane, limits.nowMs)) continue;
      for (const place of lane.places) if (inTime(place, limits)) return true;
    }
    return false;
  }

  /** Whether the scope that this waiter waits in has sent nothing for a second. */
  isNewcomer(waiter: Waiter, nowMs: number): boolean {
    const place = this.#places.get(waiter);
    return place !== undefined && this.#isSilent(place.lane, nowMs);
  }

  /** All devices of a new waiter. */
  add(waiter: Waiter): void {
    const { deviceNames, caller } = waiter.command;
    const place = this.#placeOf(waiter, 0);
    this.#resize(place.lane, () => {
      for (const name of deviceNames) place.lane.own(place, name);
    });
    this.#count(caller, deviceNames.length);
    place.lane.places.add(place);
    this.#lineOf(caller).add(place);
  }

  /**
   * Devices that were in a call which settled nothing. They go before those that were never sent, and
   * if the turn is `kept`, the callers on board go before all others.
   */
  putBack(seats: readonly Seat[], turn: "kept" | "spent"): void {
    for (const { name, owners } of seats) {
      for (const { waiter, index } of owners) {
        if (!waiter.isWaiting(index)) continue;
        const { deviceNames, caller } = waiter.command;
        const place = this.#placeOf(waiter, deviceNames.length);
        place.return(index);
        this.#resize(place.lane, () => place.lane.own(place, name));
        this.#count(caller, 1);
        place.lane.places.addInFront(place);
        this.#lineOf(caller).addInFront(place);
        if (turn === "kept") this.#turns.addInFront(caller);
      }
    }
  }

  /** What this waiter still waits for leaves at once. */
  leave(waiter: Waiter): void {
    const place = this.#places.get(waiter);
    if (!place) return;
    this.#count(waiter.command.caller, -place.waiting);
    this.#resize(place.lane, () => place.lane.disown(place));
    this.#remove(place);
  }

  /** The devices of the next call; undefined if nobody who waits may be taken on board. */
  cut(limits: CutLimits): Batch | undefined {
    const first = this.#turn(limits);
    if (!first) return undefined;
    const { lane } = first;
    let seats: Seat[] = [];
    this.#resize(lane, () => {
      seats = lane.fill(first, this.#room, (place) => inTime(place, limits));
    });
    for (const { owners } of seats) for (const owner of owners) this.#boarded(owner);
    this.#noteCut(lane.key, limits.nowMs);
    return { scope: lane.scope, seats };
  }

  /** Round robin over callers, and what the caller has waited for longest. */
  #turn(limits: CutLimits): Place | undefined {
    for (const caller of this.#turns) {
      for (const place of this.#lineOf(caller)) {
        if (!inTime(place, limits)) continue;
        if (limits.newcomersOnly && !this.#isSilent(place.lane, limits.nowMs)) continue;
        this.#turns.delete(caller); // whose turn it was goes to the end
        this.#turns.add(caller);
        return place;
      }
    }
    return undefined;
  }

  #boarded({ waiter }: Owner): void {
    this.#count(waiter.command.caller, -1);
    const place = this.#places.get(waiter);
    if (place?.waiting === 0) this.#remove(place);
  }

  #isSilent({ key }: Lane, nowMs: number): boolean {
    return nowMs - (this.#cutMs.get(key) ?? -Infinity) >= SILENT_MS;
  }

  #noteCut(key: string, nowMs: number): void {
    this.#cutMs.delete(key); // so that the map stays in the order of time
    this.#cutMs.set(key, nowMs);
    for (const [oldest, cutMs] of this.#cutMs) {
      if (nowMs - cutMs < SILENT_MS) break;
      this.#cutMs.delete(oldest);
    }
  }

  #placeOf(waiter: Waiter, next: number): Place {
    const known = this.#places.get(waiter);
    if (known) return known;
    const place = new Place(waiter, this.#laneOf(waiter.command.scope), next);
    this.#places.set(waiter, place);
    return place;
  }

  #laneOf(scope: Scope): Lane {
    // No field may contain a line break, so no two scopes have the same key.
    const key = [scope.iotInstanceId, scope.productKey, scope.firmwareId, scope.jobId].join("\n");
    let lane = this.#lanes.get(key);
    if (!lane) {
      lane = new Lane(scope, key);
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #lineOf(caller: string): Line<Place> {
    let line = this.#callers.get(caller);
    if (!line) {
      line = new Line();
      this.#callers.set(caller, line);
      this.#turns.add(caller);
    }
    return line;
  }

  #remove(place: Place): void {
    const { waiter, lane } = place;
    this.#places.delete(waiter);
    lane.places.delete(place);
    if (lane.places.size === 0) this.#lanes.delete(lane.key);
    const line = this.#lineOf(waiter.command.caller);
    line.delete(place);
    if (line.size === 0) {
      this.#callers.delete(waiter.command.caller);
      this.#turns.delete(waiter.command.caller);
    }
  }

  #count(caller: string, change: number): void {
    this.#devices += change;
    const before = this.#devicesByCaller.get(caller) ?? 0;
    const devices = before + change;
    if (devices > 0) this.#devicesByCaller.set(caller, devices);
    else this.#devicesByCaller.delete(caller);
    this.#tally(this.#callsFor(before), -1);
    this.#tally(this.#callsFor(devices), 1);
  }

  #tally(calls: number, change: number): void {
    if (calls === 0) return;
    const callers = (this.#callersByCalls.get(calls) ?? 0) + change;
    if (callers > 0) this.#callersByCalls.set(calls, callers);
    else this.#callersByCalls.delete(calls);
  }

  #callsFor(devices: number): number {
    return Math.ceil(devices / this.#room.devices);
  }

  /** Keeps `calls` right over a change of how many devices wait in a lane. */
  #resize(lane: Lane, change: () => void): void {
    this.#calls -= this.#callsFor(lane.size);
    change();
    this.#calls += this.#callsFor(lane.size);
  }
}

function inTime(place: Place, { nowMs, answerMs }: Limits): boolean {
  return place.waiter.command.answerByMs - nowMs > answerMs;
}
