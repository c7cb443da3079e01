// Every task of every job, as rows over columns. Only `move` changes a task's state, so the counts
// of a job and of the platform are right at any moment.
import { Column } from "./column.js";
import { type Devices, NONE } from "./devices.js";
import { idOf, rowOf } from "./ids.js";
import type { Job } from "./job.js";
import { TASK_STATES, type TaskState } from "./task-state.js";

/** The values of `TaskDesc`. The second is documented; the others are the emulator's own. */
const TASK_NOTES = [
  "",
  "report version is not conform",
  "the device reported that the update failed",
  "the update timed out",
  "the device has an unfinished task of another batch",
  "replaced by a task of a later batch",
  "the device was deleted",
  "the batch ended before the update began",
] as const;
export type TaskNote = (typeof TASK_NOTES)[number];

export class Tasks {
  readonly #devices: Devices;
  readonly #moved: (task: number, state: TaskState, nowMs: number) => void;
  readonly #jobs: Job[] = [];
  readonly #job = Column.ofRows();
  readonly #device = Column.ofRows();
  readonly #state = Column.ofBytes();
  readonly #progress = Column.ofBytes();
  readonly #note = Column.ofBytes();
  readonly #confirmed = Column.ofBytes();
  readonly #round = Column.ofBytes();
  readonly #retries = Column.ofBytes();
  readonly #srcVersion = Column.ofRows();
  readonly #previous = Column.ofRows();
  readonly #createdMs = Column.ofMoments();
  readonly #modifiedMs = Column.ofMoments();
  readonly #counts = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;

  /** Calls `moved` for each new state of a task, including its first. */
  constructor(devices: Devices, moved: (task: number, state: TaskState, nowMs: number) => void) {
    this.#devices = devices;
    this.#moved = moved;
  }

  add(job: Job, device: number, state: TaskState, nowMs: number, note: TaskNote = ""): number {
    const task = this.#state.size;
    let number = this.#jobs.lastIndexOf(job);
    if (number < 0) number = this.#jobs.push(job) - 1;
    this.#job.push(number);
    this.#device.push(device);
    this.#state.push(TASK_STATES.indexOf(state));
    this.#progress.push(0);
    this.#note.push(TASK_NOTES.indexOf(note));
    this.#confirmed.push(0);
    this.#round.push(0);
    this.#retries.push(0);
    const srcVersion = this.#devices.versionOf(device, job.firmware.moduleName);
    this.#srcVersion.push(this.#devices.versionNumber(srcVersion));
    this.#previous.push(this.#devices.newestTask(device));
    this.#createdMs.push(nowMs);
    this.#modifiedMs.push(nowMs);
    this.#devices.setNewestTask(device, task);
    this.#counts[state]++;
    job.counts[state]++;
    job.tasks.push(task);
    this.#moved(task, state, nowMs);
    return task;
  }

  move(task: number, state: TaskState, nowMs: number, note: TaskNote = ""): void {
    const job = this.jobOf(task);
    const from = this.stateOf(task);
    if (from === "CONFIRM" && state === "QUEUED") this.#confirmed.set(task, 1);
    if (state === "QUEUED") {
      this.#progress.set(task, 0);
      this.#retries.set(task, 0);
      this.#round.set(task, this.#round.at(task) + 1);
    }
    if (state === "SUCCEEDED") this.#progress.set(task, 100);
    this.#state.set(task, TASK_STATES.indexOf(state));
    this.#note.set(task, TASK_NOTES.indexOf(note));
    this.#modifiedMs.set(task, nowMs);
    this.#counts[from]--;
    this.#counts[state]++;
    job.counts[from]--;
    job.counts[state]++;
    this.#moved(task, state, nowMs);
  }

  setProgress(task: number, percent: number, nowMs: number): void {
    this.#progress.set(task, percent);
    this.#modifiedMs.set(task, nowMs);
  }

  /**
   * Uses up one of the job's retries. Returns false if none is left. Documented: the state stays,
   * and only jobs that name the versions to start from have retries.
   */
  retry(task: number): boolean {
    const { retryInterval, retryCount = 1, srcVersions } = this.jobOf(task).traits;
    const used = this.#retries.at(task);
    if (retryInterval === undefined || srcVersions.length === 0 || used >= retryCount) return false;
    this.#retries.set(task, used + 1);
    return true;
  }

  /** The row with this TaskId; undefined if there is none. */
  rowOfId(taskId: string): number | undefined {
    const task = rowOf("task", taskId);
    return task !== undefined && task < this.#state.size ? task : undefined;
  }

  idOf(task: number): string {
    return idOf("task", task);
  }

  jobOf(task: number): Job {
    return this.#jobs[this.#job.at(task)] as Job;
  }

  deviceOf(task: number): number {
    return this.#device.at(task);
  }

  stateOf(task: number): TaskState {
    return TASK_STATES[this.#state.at(task)] as TaskState;
  }

  /**
   * The first place from `place` on, in the order of the job, whose task is in the state. There
   * must be one.
   */
  placeInState(job: Job, state: TaskState, place: number): number {
    const code = TASK_STATES.indexOf(state);
    while (this.#state.at(job.tasks.at(place)) !== code) place++;
    return place;
  }

  /** In percent. */
  progressOf(task: number): number {
    return this.#progress.at(task);
  }

  noteOf(task: number): TaskNote {
    return TASK_NOTES[this.#note.at(task)] as TaskNote;
  }

  /** Changes whenever the task is queued again, so that timers of an earlier run can notice. */
  roundOf(task: number): number {
    return this.#round.at(task);
  }

  /** Whether it was confirmed. False for a task that needed no confirmation. */
  wasConfirmed(task: number): boolean {
    return this.#confirmed.at(task) === 1;
  }

  /** The version of the device when the task was created. */
  srcVersionOf(task: number): string {
    return this.#devices.versionText(this.#srcVersion.at(task));
  }

  createdMs(task: number): number {
    return this.#createdMs.at(task);
  }

  modifiedMs(task: number): number {
    return this.#modifiedMs.at(task);
  }

  /** The device's tasks, newest first. */
  *ofDevice(device: number): Generator<number> {
    for (let task = this.#devices.newestTask(device); task !== NONE; task = this.#previous.at(task)) yield task;
  }

  counts(): Record<TaskState, number> {
    return { ...this.#counts };
  }
}
