// The seeded product: its devices, the one OTA job that upgrades them all, and the state of each device's
// task. A device is an index and a state is one byte, so that a million of them fit in a small process.
import { SEEDED_NAME_LENGTH, seededName } from "./seeded-name.js";
import { CANCELABLE, TASK_STATES, type TaskState } from "./task-state.js";

export interface FleetSeed {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly devices: number;
  readonly nameLength?: number;
  readonly taskState: (index: number) => TaskState;
}

export class Fleet {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly jobId: string;
  readonly #indexOfName = new Map<string, number>();
  readonly #stateCodes: Uint8Array;
  readonly #tasks = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
  #canceled = 0;
  #repeatedCancels = 0;

  constructor(seed: FleetSeed) {
    this.productKey = seed.productKey;
    this.firmwareId = seed.firmwareId;
    this.jobId = seed.jobId;
    this.#stateCodes = new Uint8Array(seed.devices);
    for (let index = 0; index < seed.devices; index++) {
      this.#indexOfName.set(seededName(index, seed.nameLength ?? SEEDED_NAME_LENGTH), index);
      const state = seed.taskState(index);
      this.#stateCodes[index] = TASK_STATES.indexOf(state);
      this.#tasks[state]++;
    }
  }

  has(name: string): boolean {
    return this.#indexOfName.has(name);
  }

  /** The state of a device's task; undefined if there is no such device. */
  taskOf(name: string): TaskState | undefined {
    const index = this.#indexOfName.get(name);
    return index === undefined ? undefined : TASK_STATES[this.#stateCodes[index] ?? 0];
  }

  /** Moves the device's task to CANCELED if its state allows it; else, and without such a device, changes nothing. */
  cancel(name: string): void {
    const index = this.#indexOfName.get(name);
    const state = this.taskOf(name);
    if (index === undefined || state === undefined) return;
    if (state === "CANCELED") this.#repeatedCancels++;
    if (!CANCELABLE[state]) return;
    this.#stateCodes[index] = TASK_STATES.indexOf("CANCELED");
    this.#tasks[state]--;
    this.#tasks.CANCELED++;
    this.#canceled++;
  }

  counts(): FleetCounts {
    return { devicesCanceled: this.#canceled, repeatedCancels: this.#repeatedCancels, tasks: { ...this.#tasks } };
  }
}

export interface FleetCounts {
  /** Tasks that a cancel moved to CANCELED. */
  readonly devicesCanceled: number;
  /** Cancels of a device whose task was CANCELED already. */
  readonly repeatedCancels: number;
  /** Tasks by state. */
  readonly tasks: Readonly<Record<TaskState, number>>;
}
