// Holds the calls that ended last, in memory of fixed size: 72 bytes each, and the newest replaces
// the oldest. Uses bytes rather than objects, because a string cut from an answer can keep the
// whole answer alive.
import { END_KINDS, type EndKind } from "./flight-record.js";

/** A call that has ended. Times are monotonic. */
export interface RecordedEnd {
  readonly sentMs: number;
  readonly endedMs: number;
  /** Counted by then, if the upstream counts calls on arrival as asserted. */
  readonly arrivedByMs?: number;
  readonly kind: EndKind;
  readonly devices: number;
  /** Cut to 44 characters; the upstream's ids have 36. */
  readonly requestId: string;
}

const CALL_BYTES = 72;

const SENT_AT = 0;
const ENDED_AT = 8;
const ARRIVED_BY_AT = 16;
const DEVICES_AT = 24;
const KIND_AT = 26;
const ID_LENGTH_AT = 27;
const ID_AT = 28;

const LONGEST_ID = CALL_BYTES - ID_AT;
const MOST_DEVICES = 2 ** 16 - 1;

export class CallRing {
  readonly #bytes: Buffer;
  readonly #capacity: number;
  #added = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#bytes = Buffer.alloc(capacity * CALL_BYTES);
  }

  get size(): number {
    return Math.min(this.#added, this.#capacity);
  }

  /** Adds a call, and returns the one that it replaced. */
  add({ sentMs, endedMs, arrivedByMs = NaN, kind, devices, requestId }: RecordedEnd): RecordedEnd | undefined {
    const at = (this.#added % this.#capacity) * CALL_BYTES;
    const forgotten = this.#added >= this.#capacity ? read(this.#bytes, at) : undefined;
    this.#added++;
    this.#bytes.writeDoubleLE(sentMs, at + SENT_AT);
    this.#bytes.writeDoubleLE(endedMs, at + ENDED_AT);
    this.#bytes.writeDoubleLE(arrivedByMs, at + ARRIVED_BY_AT);
    this.#bytes.writeUInt16LE(Math.min(devices, MOST_DEVICES), at + DEVICES_AT);
    this.#bytes.writeUInt8(END_KINDS.indexOf(kind), at + KIND_AT);
    const written = this.#bytes.write(requestId, at + ID_AT, LONGEST_ID, "latin1");
    this.#bytes.writeUInt8(written, at + ID_LENGTH_AT);
    return forgotten;
  }

  /**
   * The calls held now, in the order in which they ended. Calls that end during the iteration are
   * not included.
   */
  calls(): Iterable<RecordedEnd> {
    const copy = Buffer.from(this.#bytes.subarray(0, this.size * CALL_BYTES));
    return inOrder(copy, this.#added % Math.max(this.size, 1));
  }
}

function* inOrder(bytes: Buffer, first: number): Generator<RecordedEnd> {
  const begin = first * CALL_BYTES;
  for (let at = begin; at < bytes.length; at += CALL_BYTES) yield read(bytes, at);
  for (let at = 0; at < begin; at += CALL_BYTES) yield read(bytes, at);
}

function read(bytes: Buffer, at: number): RecordedEnd {
  const idLength = bytes.readUInt8(at + ID_LENGTH_AT);
  const arrivedByMs = bytes.readDoubleLE(at + ARRIVED_BY_AT);
  return {
    sentMs: bytes.readDoubleLE(at + SENT_AT),
    endedMs: bytes.readDoubleLE(at + ENDED_AT),
    ...(!Number.isNaN(arrivedByMs) && { arrivedByMs }),
    kind: END_KINDS[bytes.readUInt8(at + KIND_AT)] as EndKind,
    devices: bytes.readUInt16LE(at + DEVICES_AT),
    requestId: bytes.toString("latin1", at + ID_AT, at + ID_AT + idLength),
  };
}
