// Devices that wait to be read back, and whose turn it is. Callers take turns by calls: one call is filled with the
// oldest request of a caller, then with whatever else can be read by it. A device that several ask for is read once,
// and nobody is told by a call that was sent before they asked.
import type { Scope } from "../gateway/command.js";
import type { Room } from "../gateway/upstream.js";
import type { Reading } from "./read-request.js";

/** A device on its way through the queue, with all who want to be told of it. */
export interface Seat {
  readonly name: string;
  readonly readings: readonly Reading[];
  /** In how many calls it has been that told nothing. */
  readonly attempts: number;
  /** A call that held it was refused for one of its devices: it rides alone, so that no other suffers for it. */
  readonly alone: boolean;
}

export interface ReadBatch {
  readonly scope: Scope;
  readonly seats: readonly Seat[];
}

/** Devices that the same call can read, by name, in the order of arrival. */
type Lane = Map<string, Seat>;

export class ReadQueue {
  readonly #room: Room;
  readonly #lanes = new Map<string, Lane>();
  /** By caller, whoever's turn it is first; of each the requests with devices that wait, the oldest first. */
  readonly #turns = new Map<string, Set<Reading>>();

  constructor(room: Room) {
    this.#room = room;
  }

  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  add(reading: Reading): void {
    for (const name of reading.waiting) this.#seat(reading.asker.scope, { ...NEW, name, readings: [reading] });
    this.#queue(reading);
  }

  /** Its devices wait no longer, unless somebody else waits for them. */
  leave(reading: Reading): void {
    const { scope } = reading.asker;
    const lane = this.#laneOf(scope);
    for (const name of reading.waiting) {
      const seat = lane.get(name);
      const readings = seat?.readings.filter((each) => each !== reading) ?? [];
      if (seat && readings.length > 0) lane.set(name, { ...seat, readings });
      else lane.delete(name);
    }
    reading.waiting.clear();
    this.#dequeue(reading);
    this.#drop(scope, lane);
  }

  /** Takes the devices of the next call; undefined if none wait. */
  cut(): ReadBatch | undefined {
    const [turn] = this.#turns;
    if (!turn) return undefined;
    const [caller, readings] = turn;
    const [first] = readings;
    if (!first) throw new Error("a caller without a request has a turn");
    const { scope } = first.asker;
    const seats = this.#fill(scope, first);
    const others = this.#turns.get(caller);
    if (others) {
      this.#turns.delete(caller);
      this.#turns.set(caller, others);
    }
    return { scope, seats };
  }

  /** Takes all that could share a call with these. */
  takeAlike(scope: Scope): Seat[] {
    const lane = this.#laneOf(scope);
    const seats = [...lane.values()];
    for (const seat of seats) this.#take(lane, seat);
    this.#drop(scope, lane);
    return seats;
  }

  /** They wait again, for those who have not left. */
  putBack(scope: Scope, seats: readonly Seat[]): void {
    for (const seat of seats) {
      const readings = seat.readings.filter((reading) => reading.awaits(seat.name));
      if (readings.length === 0) continue;
      this.#seat(scope, { ...seat, readings });
      for (const reading of readings) {
        reading.waiting.add(seat.name);
        this.#queue(reading);
      }
    }
  }

  #fill(scope: Scope, first: Reading): Seat[] {
    const lane = this.#laneOf(scope);
    const { devices, bytes, bytesOfScope, bytesOfDevice } = this.#room;
    let leftBytes = bytes - bytesOfScope(scope);
    const seats: Seat[] = [];
    for (const seat of inTurn(first, lane)) {
      leftBytes -= bytesOfDevice(seat.name);
      if (seats.length === devices || (leftBytes < 0 && seats.length > 0)) break;
      if (seat.alone && seats.length > 0) continue;
      this.#take(lane, seat);
      seats.push(seat);
      if (seat.alone) break;
    }
    this.#drop(scope, lane);
    return seats;
  }

  #take(lane: Lane, seat: Seat): void {
    lane.delete(seat.name);
    for (const reading of seat.readings) {
      reading.waiting.delete(seat.name);
      if (reading.waiting.size === 0) this.#dequeue(reading);
    }
  }

  #seat(scope: Scope, seat: Seat): void {
    const lane = this.#laneOf(scope);
    const there = lane.get(seat.name);
    lane.set(seat.name, there ? merged(there, seat) : seat);
  }

  #queue(reading: Reading): void {
    const { caller } = reading.asker;
    const readings = this.#turns.get(caller) ?? new Set();
    this.#turns.set(caller, readings.add(reading));
  }

  #dequeue(reading: Reading): void {
    const { caller } = reading.asker;
    const readings = this.#turns.get(caller);
    readings?.delete(reading);
    if (readings?.size === 0) this.#turns.delete(caller);
  }

  #laneOf(scope: Scope): Lane {
    const key = keyOf(scope);
    const lane = this.#lanes.get(key) ?? new Map<string, Seat>();
    this.#lanes.set(key, lane);
    return lane;
  }

  #drop(scope: Scope, lane: Lane): void {
    if (lane.size === 0) this.#lanes.delete(keyOf(scope));
  }
}

const NEW = { attempts: 0, alone: false };

/** First those of the request whose turn it is. What is taken meanwhile does not come again. */
function* inTurn(first: Reading, lane: Lane): Generator<Seat> {
  for (const name of first.waiting) {
    const seat = lane.get(name);
    if (seat) yield seat;
  }
  yield* lane.values();
}

function merged(a: Seat, b: Seat): Seat {
  const readings = [...new Set([...a.readings, ...b.readings])];
  return { name: a.name, readings, attempts: Math.max(a.attempts, b.attempts), alone: a.alone || b.alone };
}

function keyOf({ iotInstanceId, productKey, firmwareId, jobId }: Scope): string {
  return [iotInstanceId, productKey, firmwareId, jobId].join(" "); // none of them has spaces
}
