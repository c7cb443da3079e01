// The callers that wait in one class of a scope queue, each with its entries, and in which order they get seats. A
// caller without an entry is not here.
import type { QueueEntry } from "./queue-entry.js";
import { RequeueList } from "./requeue-list.js";
import { SeatSharing, type Share } from "./seat-sharing.js";

export class CallerQueue implements Share {
  readonly caller: string;
  readonly list = new RequeueList<QueueEntry>();
  weight = 0;
  from = 0;
  seats = 0;
  due = 0;
  turn = 0;
  position = -1;

  constructor(caller: string) {
    this.caller = caller;
  }
}

export class CallerQueues {
  readonly #byCaller = new Map<string, CallerQueue>();
  readonly #sharing = new SeatSharing<CallerQueue>();

  get size(): number {
    return this.#byCaller.size;
  }

  get sharing(): Pick<SeatSharing<CallerQueue>, "allot"> {
    return this.#sharing;
  }

  [Symbol.iterator](): Iterator<CallerQueue> {
    return this.#byCaller.values();
  }

  get(caller: string): CallerQueue | undefined {
    return this.#byCaller.get(caller);
  }

  /** The entries of a caller; an empty list from now on if it has none. */
  listOf(caller: string): RequeueList<QueueEntry> {
    let callerQueue = this.#byCaller.get(caller);
    if (!callerQueue) {
      callerQueue = new CallerQueue(caller);
      this.#byCaller.set(caller, callerQueue);
      this.#sharing.join(callerQueue);
    }
    return callerQueue.list;
  }

  remove(entry: QueueEntry): void {
    const callerQueue = this.#byCaller.get(entry.waiter.command.caller);
    callerQueue?.list.delete(entry);
    if (callerQueue?.list.size !== 0) return;
    this.#byCaller.delete(callerQueue.caller);
    this.#sharing.leave(callerQueue);
  }
}
