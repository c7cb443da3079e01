// Keeps a recent reading of the store for observers: what runs, on whichever replica, what has
// ended, and how full the store is. Observers never wait for the store, and never make it slower.
import { type Clock, every } from "../base/clock.js";
import { type OperationRecord, type OperationStore, StoreUnavailable } from "./store.js";

export interface OperationsReading {
  /** When it was read, by the wall clock. */
  readonly wallMs: number;
  /** Operations that have not ended, newest first; at most MOST_RUNNING. */
  readonly running: readonly OperationRecord[];
  /** The newest that have ended; at most MOST_ENDED. */
  readonly ended: readonly OperationRecord[];
  /** As the store's bound counts them. */
  readonly storedDevices: number;
  /** The store could not be read since. */
  readonly isStale: boolean;
}

const READ_MS = 3000;
const MOST_RUNNING = 1000;
const MOST_ENDED = 10;

export class OperationsWatch {
  readonly #store: Pick<OperationStore, "list" | "storedDevices">;
  readonly #clock: Clock;
  readonly #failed: (error: unknown) => void;
  readonly #disarm: () => void;
  #reading: OperationsReading | undefined;
  #isReading = false;

  /** `failed`: reading failed for a reason that does not pass by itself. */
  constructor(
    store: Pick<OperationStore, "list" | "storedDevices">,
    clock: Clock,
    failed: (error: unknown) => void = () => {},
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#failed = failed;
    this.#disarm = every(clock, READ_MS, () => void this.read());
    void this.read();
  }

  /** Undefined until the store has been read for the first time. */
  get reading(): OperationsReading | undefined {
    return this.#reading;
  }

  close(): void {
    this.#disarm();
  }

  /** A store that is slow is not asked a second time meanwhile. */
  async read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const running = await this.#store.list({ done: false, most: MOST_RUNNING });
      const ended = await this.#store.list({ done: true, most: MOST_ENDED });
      const storedDevices = await this.#store.storedDevices();
      this.#reading = { wallMs: this.#clock.wallNow(), running, ended, storedDevices, isStale: false };
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) this.#failed(error);
      if (this.#reading) this.#reading = { ...this.#reading, isStale: true };
    } finally {
      this.#isReading = false;
    }
  }
}
