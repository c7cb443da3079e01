// Who waits for what, for one account. A batch is cut from what waits at that moment: one lane, filled
// with the devices of everybody who waits in it. Invariant: a device of an open waiter is here, or in a
// call, or in its backoff, or settled.
import type { Scope } from "../command.js";
import type { Room } from "../upstream.js";
import type { Waiter } from "../waiter.js";
import { Tally } from "./backlog.js";
import type { Seat } from "./batch.js";
import { halves, type Isolation } from "./bisection.js";
import type { Bill } from "./charge.js";
import type { FairShareOptions } from "./fair-share.js";
import { Place } from "./queue-entry.js";
import { Turns } from "./scheduler.js";
import type { Lane } from "./scope-queue.js";
import { Lanes } from "./scope-queues.js";

/** The devices of one call. */
export interface Batch {
  readonly lane: Lane;
  readonly seats: readonly Seat[];
  /** Who paid what for it. */
  readonly bill: Bill;
}

/** What a cut has to respect, beside whose turn it is. */
export interface Limits {
  readonly nowMs: number;
  /** Who has less time left than an answer takes is not taken on board. */
  readonly answerMs: number;
}

export interface CutLimits extends Limits {
  /** Only for a lane that has sent nothing for a second. */
  readonly newcomersOnly: boolean;
}

/** How callers differ. */
export type Callers = Pick<FairShareOptions, "weightOf" | "creditNameOf">;

export class Queue {
  readonly #room: Room;
  readonly #callers: Callers;
  readonly #lanes: Lanes;
  readonly #turns: Turns;
  readonly #tally: Tally;

  constructor(room: Room, callers: Callers) {
    this.#room = room;
    this.#callers = callers;
    this.#lanes = new Lanes(room);
    this.#turns = new Turns({ seatsPerCall: room.devices, ...callers });
    this.#tally = new Tally(room.devices);
  }

  /** How much waits, and of whom. */
  get tally(): Omit<Tally, "count"> {
    return this.#tally;
  }

  /** Calls it takes to send everything that waits. */
  get calls(): number {
    return this.#lanes.calls;
  }

  /** The lane that a new waiter of this scope would join, if anybody waits there. */
  laneOf(scope: Scope): Pick<Lane, "size" | "crowd"> | undefined {
    return this.#lanes.sharedLane(scope);
  }

  /** Whether a cut for newcomers only would find anybody. */
  hasNewcomer(limits: Limits): boolean {
    for (const lane of this.#lanes) {
      if (!this.#lanes.isSilent(lane, limits.nowMs)) continue;
      for (const place of lane.places()) if (inTime(place, limits)) return true;
    }
    return false;
  }

  /** Whether a lane that this waiter waits in has sent nothing for a second. */
  isNewcomer(waiter: Waiter, nowMs: number): boolean {
    return waiter.places.some(({ lane }) => this.#lanes.isSilent(lane, nowMs));
  }

  /** All devices of a new waiter. */
  add(waiter: Waiter): void {
    const place = this.#placeIn(this.#lanes.laneOf(waiter, waiter.arrivedMs), waiter, 0);
    this.#own(place, waiter.command.deviceNames);
    place.lane.add(place);
    this.#turns.add(place);
  }

  /**
   * The devices of a call that settled nothing. They go before those that were never sent; if the turn is
   * `kept`, what the call cost is refunded, so that the callers on board go before others too.
   */
  putBack({ seats, lane, bill }: Batch, nowMs: number, turn: "kept" | "spent"): void {
    if (turn === "kept") this.#turns.refund(bill);
    const laneFor = (waiter: Waiter) => (lane.isolation ? this.#lanes.again(lane) : this.#lanes.laneOf(waiter, nowMs));
    this.#return(seats, turn, laneFor);
  }

  /** The devices of a refused call, each half to be sent by itself. */
  separate({ seats, lane }: Batch, isolation: Isolation): void {
    for (const half of halves(seats)) {
      const apart = this.#lanes.laneApart(lane.scope, isolation);
      this.#return(half, "kept", () => this.#lanes.again(apart));
    }
  }

  /** From now until then, nobody shares a call of this scope with this caller. */
  demote(scope: Scope, caller: string, untilMs: number, nowMs: number): void {
    this.#lanes.setAlone(scope, caller, untilMs, nowMs);
    for (const place of this.#lanes.sharedLane(scope)?.placesOf(caller) ?? []) this.#move(place, nowMs);
  }

  /** What this waiter still waits for leaves at once. */
  leave(waiter: Waiter): void {
    for (const place of waiter.places) this.#disown(place);
  }

  /** The devices of the next call; undefined if nobody who waits may be taken on board. */
  cut(limits: CutLimits): Batch | undefined {
    const { nowMs, newcomersOnly } = limits;
    const mayBoard = (place: Place) => inTime(place, limits);
    const mayGo = (place: Place) => mayBoard(place) && (!newcomersOnly || this.#lanes.isSilent(place.lane, nowMs));
    const turn = this.#turns.next(mayGo, nowMs);
    if (!turn) return undefined;
    const { lane } = turn;
    const boarding = { room: this.#room, weightOf: this.#callers.weightOf, mayBoard };
    const seats = this.#lanes.resize(lane, () => lane.fill(turn, boarding));
    const bill = this.#turns.charge(turn, seatsByCaller(seats), nowMs);
    for (const { owners } of seats) for (const { waiter } of owners) this.#boarded(waiter, lane);
    this.#lanes.noteCut(lane, nowMs);
    return { lane, seats, bill };
  }

  #boarded(waiter: Waiter, lane: Lane): void {
    this.#tally.count(waiter.command.caller, waiter.command.priority, -1);
    const place = waiter.places.find((each) => each.lane === lane);
    if (place?.waiting === 0) this.#remove(place);
  }

  #return(seats: readonly Seat[], turn: "kept" | "spent", laneFor: (waiter: Waiter) => Lane): void {
    for (const { name, owners } of seats) {
      for (const { waiter, index } of owners) {
        if (!waiter.isWaiting(index)) continue;
        const place = this.#placeIn(laneFor(waiter), waiter, waiter.command.deviceNames.length);
        place.return(index);
        this.#own(place, [name]);
        place.lane.addInFront(place);
        this.#turns.addInFront(place, turn);
      }
    }
  }

  /** To the lane that the waiter's caller has for itself now. */
  #move(place: Place, nowMs: number): void {
    const { waiter } = place;
    const { deviceNames } = waiter.command;
    const waited = this.#disown(place);
    const own = this.#placeIn(this.#lanes.laneOf(waiter, nowMs), waiter, deviceNames.length);
    for (const index of waited) own.return(index);
    this.#own(
      own,
      waited.map((index) => deviceNames[index] as string),
    );
    own.lane.add(own);
    this.#turns.add(own);
  }

  #own(place: Place, names: readonly string[]): void {
    this.#lanes.resize(place.lane, () => {
      for (const name of names) place.lane.own(place, name);
    });
    const { caller, priority } = place.waiter.command;
    this.#tally.count(caller, priority, names.length);
  }

  /** Returns the positions of what waited. */
  #disown(place: Place): number[] {
    const { caller, priority } = place.waiter.command;
    this.#tally.count(caller, priority, -place.waiting);
    const waited = this.#lanes.resize(place.lane, () => place.lane.disown(place));
    this.#remove(place);
    return waited;
  }

  #placeIn(lane: Lane, waiter: Waiter, next: number): Place {
    const known = waiter.places.find((place) => place.lane === lane);
    if (known) return known;
    const place = new Place(waiter, lane, next);
    waiter.places = [...waiter.places, place];
    return place;
  }

  #remove(place: Place): void {
    const { waiter, lane } = place;
    waiter.places = waiter.places.filter((other) => other !== place);
    lane.remove(place);
    this.#turns.remove(place);
  }
}

function inTime(place: Place, { nowMs, answerMs }: Limits): boolean {
  return place.waiter.command.answerByMs - nowMs > answerMs;
}

function seatsByCaller(seats: readonly Seat[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { owners } of seats) {
    const caller = owners[0]?.waiter.command.caller ?? "";
    counts.set(caller, (counts.get(caller) ?? 0) + 1);
  }
  return counts;
}
