// The tasks as lists show them: as they are, or as they were some time ago. With a lag, each move
// is kept until it is shown; without one, nothing is kept.
import { Column } from "./column.js";
import type { Job } from "./job.js";
import { TASK_STATES, type TaskState } from "./task-state.js";
import type { Tasks } from "./tasks.js";

/** A move takes this many numbers: the task, the code of its state, and the moment. */
const FIELDS = 3;

export class ShownTasks {
  readonly #tasks: Tasks;
  readonly #lagMs: number;
  /** The code of the shown state, plus one; 0 for a task that is not shown yet. */
  readonly #shown = Column.ofBytes();
  readonly #counts = new Map<Job, number[]>();
  #moves: number[] = [];
  #head = 0;

  constructor(tasks: Tasks, lagMs: number) {
    this.#tasks = tasks;
    this.#lagMs = lagMs;
  }

  /** Notes the new state of a task. */
  note(task: number, state: TaskState, nowMs: number): void {
    if (this.#lagMs > 0) this.#moves.push(task, TASK_STATES.indexOf(state), nowMs);
  }

  /** Shows everything that is old enough. To be called before a list is read. */
  catchUp(nowMs: number): void {
    const untilMs = nowMs - this.#lagMs;
    while (this.#head < this.#moves.length && (this.#moves[this.#head + 2] as number) <= untilMs) {
      this.#show(this.#moves[this.#head] as number, this.#moves[this.#head + 1] as number);
      this.#head += FIELDS;
    }
    if (this.#head * 2 <= this.#moves.length) return;
    this.#moves = this.#moves.slice(this.#head);
    this.#head = 0;
  }

  /** Undefined while the task is not shown. */
  stateOf(task: number): TaskState | undefined {
    return this.#lagMs === 0 ? this.#tasks.stateOf(task) : TASK_STATES[this.#shown.at(task) - 1];
  }

  sizeOf(job: Job): number {
    return this.#lagMs === 0 ? job.tasks.size : this.#countsOf(job).reduce((sum, count) => sum + count, 0);
  }

  countOf(job: Job, state: TaskState): number {
    return this.#lagMs === 0 ? job.counts[state] : (this.#countsOf(job)[TASK_STATES.indexOf(state)] ?? 0);
  }

  /** The first place from `place` on whose task is shown in the state. There must be one. */
  placeInState(job: Job, state: TaskState, place: number): number {
    if (this.#lagMs === 0) return this.#tasks.placeInState(job, state, place);
    const code = TASK_STATES.indexOf(state) + 1;
    while (this.#shown.at(job.tasks.at(place)) !== code) place++;
    return place;
  }

  #show(task: number, code: number): void {
    const counts = this.#countsOf(this.#tasks.jobOf(task));
    while (this.#shown.size <= task) this.#shown.push(0);
    const before = this.#shown.at(task);
    if (before > 0) counts[before - 1] = (counts[before - 1] ?? 0) - 1;
    counts[code] = (counts[code] ?? 0) + 1;
    this.#shown.set(task, code + 1);
  }

  #countsOf(job: Job): number[] {
    const counts = this.#counts.get(job) ?? TASK_STATES.map(() => 0);
    this.#counts.set(job, counts);
    return counts;
  }
}
