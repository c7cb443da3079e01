// The callers that wait in one class of a scope queue, each with its entries, and the order in which they get seats.
// Invariant: a caller is here as long as it has an entry.
import type { QueueEntry } from "./queue-entry.js";
import { RequeueList } from "./requeue-list.js";
import { SeatSharing, type Share } from "./seat-sharing.js";

/** One caller's entries. */
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
  readonly sharing: SeatSharing<CallerQueue>;
  readonly #byCaller = new Map<string, CallerQueue>();
  /** Devices that wait, counted once for each waiter; changed by the scope queue alone. */
  devices = 0;

  constructor(weightOf: (caller: string) => number) {
    this.sharing = new SeatSharing(weightOf);
  }

  get callers(): number {
    return this.#byCaller.size;
  }

  [Symbol.iterator](): Iterator<CallerQueue> {
    return this.#byCaller.values();
  }

  get(caller: string): CallerQueue | undefined {
    return this.#byCaller.get(caller);
  }

  /** The list that the entry belongs in. The caller joins if it had no entry. */
  listFor({ waiter: { command } }: QueueEntry): RequeueList<QueueEntry> {
    let callerQueue = this.#byCaller.get(command.caller);
    if (!callerQueue) {
      callerQueue = new CallerQueue(command.caller);
      this.#byCaller.set(command.caller, callerQueue);
      this.sharing.join(callerQueue);
    }
    return callerQueue.list;
  }

  remove(entry: QueueEntry): void {
    const callerQueue = this.#byCaller.get(entry.waiter.command.caller);
    callerQueue?.list.delete(entry);
    if (callerQueue?.list.size !== 0) return;
    this.#byCaller.delete(callerQueue.caller);
    this.sharing.leave(callerQueue);
  }
}
