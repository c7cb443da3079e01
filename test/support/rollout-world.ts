// A stop against the emulator's own state, without a wire and without real time: calls travel, get
// lost, fail and are applied late; the process that makes them can die between any two.
import type { Refusal } from "../../src/gateway/upstream.js";
import type { BatchStop } from "../../src/rollout/batch-record.js";
import { JOB_TASK_STATES, type JobAnswer } from "../../src/rollout/job-operator.js";
import type { StopCall, StopCallEnd, StopConclusion, StopOrder } from "../../src/rollout/stop-call.js";
import { StopMachine } from "../../src/rollout/stop-machine.js";
import { meaningOf } from "../../src/upstream/codes.js";
import { readJob, readJobPage, readTaskPage } from "../../src/upstream/job-answer.js";
import { createJobOperator, JOBS_PER_PAGE } from "../../src/upstream/job-operations.js";
import { newService, type TestService } from "../unit/emulator/service.js";

const WALL_ZERO_MS = Date.UTC(2026, 0, 1);
const NAMES_PER_CALL = 200;

export interface Faults {
  /** Parts of all calls that end so. */
  readonly lost: number;
  readonly unavailable: number;
  readonly unreadable: number;
}

export interface WorldOptions {
  readonly random: () => number;
  readonly options: Parameters<typeof newService>[0];
  readonly faults: Faults;
  /** The process dies after so many calls; each number counts from the death before it. */
  readonly crashesAfter: readonly number[];
  /** Calls a second of each operation; without it, as fast as they are asked for. */
  readonly quotas?: Readonly<Record<string, number>>;
  /** The code by which the nth call of an operation is refused, from 0. */
  readonly refusal?: (operation: string, nth: number) => string | undefined;
}

interface Event {
  readonly atMs: number;
  readonly run: () => void;
}

/** A canceling call, as the upstream saw it. */
export interface SeenCall {
  readonly call: StopCall;
  readonly atMs: number;
  /** Dynamic batches that took devices at that moment. */
  readonly openStrategies: readonly string[];
}

export class RolloutWorld {
  nowMs = 0;
  readonly service: TestService;
  readonly seen: SeenCall[] = [];
  /** The state that each task was in when it was canceled, by the operation that did it. */
  readonly canceledFrom: { readonly jobId: string; readonly from: string; readonly by: string }[] = [];
  /** The calls that the living process has made and that have ended. */
  made: { readonly call: StopCall; readonly result: StopCallEnd }[] = [];
  readonly #nextMs = new Map<string, number>();
  readonly #asked = new Map<string, number>();
  #events: Event[] = [];
  readonly #world: WorldOptions;
  #by = "";
  #body = "";

  constructor(world: WorldOptions) {
    this.#world = world;
    const clock = { now: () => this.nowMs, wallNow: () => WALL_ZERO_MS + this.nowMs, at: () => () => {} };
    this.service = newService({ ...world.options, clock });
    const { tasks } = this.service.platform;
    const move = tasks.move.bind(tasks);
    tasks.move = (task, state, nowMs, note) => {
      if (state === "CANCELED" && (note ?? "") === "") {
        this.canceledFrom.push({ jobId: tasks.jobOf(task).id, from: tasks.stateOf(task), by: this.#by });
      }
      move(task, state, nowMs, note);
    };
  }

  /** Runs a stop to its end. Throws if it takes longer than `mostMs`. */
  stop(
    order: StopOrder,
    mostMs: number,
    { interruptAtMs = Infinity, known = new Map<string, BatchStop>() } = {},
  ): StopConclusion {
    let machine = new StopMachine(order, this.nowMs, (ms) => WALL_ZERO_MS + ms, known);
    const crashes = [...this.#world.crashesAfter];
    let recorded = new Map<string, BatchStop>();
    let generation = 0;
    let made = 0;
    const untilMs = this.nowMs + mostMs;
    for (let idle = 0; ; ) {
      if (this.nowMs >= interruptAtMs) machine.interrupt(this.nowMs);
      const calls = machine.next(this.nowMs);
      if (machine.conclusion) return machine.conclusion;
      if (crashes.length > 0) recorded = new Map(machine.batches().map((batch) => [batch.before.jobId, batch]));
      for (const call of calls) {
        made++;
        this.#send(
          call,
          generation,
          (result) => machine.ended(call, result),
          () => generation,
        );
      }
      if (crashes[0] !== undefined && made >= crashes[0]) {
        crashes.shift();
        generation++;
        this.made = [];
        made = 0;
        this.nowMs += 1000 * this.#world.random();
        machine = new StopMachine(order, this.nowMs, (ms) => WALL_ZERO_MS + ms, recorded);
        continue;
      }
      const [next] = this.#events;
      const atMs = Math.min(next?.atMs ?? Infinity, machine.wakeMs(this.nowMs));
      // A machine that asks to be asked again at once, again and again, would never end.
      idle = atMs > this.nowMs || (next && next.atMs <= atMs) ? 0 : idle + 1;
      if (atMs > untilMs || idle > 10)
        throw new Error(`not over after ${mostMs} ms: ${JSON.stringify(machine.batches())}`);
      if (next && next.atMs <= atMs) this.#events.shift();
      this.nowMs = Math.max(this.nowMs, atMs);
      if (next && next.atMs <= atMs) next.run();
    }
  }

  #at(atMs: number, run: () => void): void {
    this.#events.push({ atMs, run });
    this.#events.sort((a, b) => a.atMs - b.atMs);
  }

  #send(call: StopCall, generation: number, ended: (result: StopCallEnd) => void, current: () => number): void {
    const { random, faults } = this.#world;
    const sentMs = this.#sentMs(call.operation);
    const arrivedMs = sentMs + random() * 100;
    const lot = random();
    const isLost = lot < faults.lost;
    const isApplied = !isLost || random() < 0.5;
    let end: StopCallEnd["end"] = { kind: "lost", message: "no answer came" };
    this.#at(arrivedMs, () => {
      if (isApplied && !(lot >= faults.lost && lot < faults.lost + faults.unavailable)) {
        const answered = this.#carryOut(call);
        if (!isLost) end = answered;
      } else if (!isLost) end = refusalOf("iot.system.SystemException");
      if (end.kind === "accepted" && random() < faults.unreadable) end = { ...end, answer: undefined };
    });
    const endedMs = isLost ? sentMs + 10_000 * random() : arrivedMs + random() * 100;
    this.#at(Math.max(endedMs, arrivedMs), () => {
      if (generation !== current()) return;
      const result = { end, sentMs, sentWallMs: WALL_ZERO_MS + sentMs, endedMs: this.nowMs, attempts: 1 };
      this.made.push({ call, result });
      ended(result);
    });
  }

  /** When the call gets its token: paced as a ledger would with answers of up to 200 ms. */
  #sentMs(operation: string): number {
    const quota = this.#world.quotas?.[operation];
    if (quota === undefined) return this.nowMs + this.#world.random() * 200;
    const sentMs = Math.max(this.nowMs, this.#nextMs.get(operation) ?? -Infinity);
    this.#nextMs.set(operation, sentMs + 1200 / quota);
    return sentMs;
  }

  #carryOut(call: StopCall): StopCallEnd["end"] {
    const { dynamicJobs } = this.service.platform;
    if (call.operation.startsWith("Cancel")) {
      const openStrategies = [...dynamicJobs].map(({ id }) => id);
      this.seen.push({ call, atMs: this.nowMs, openStrategies });
    }
    this.#by = call.operation;
    if (call.operation === "CancelOTATaskByDevice") return this.#sweep(call.jobId, call.deviceNames);
    let ended: StopCallEnd["end"] | undefined;
    const operator = createJobOperator(({ action, parameters }) => {
      const body = this.#ask(action, Object.fromEntries(parameters));
      const done =
        typeof body === "string" ? { end: { kind: "accepted", requestId: "R" } as const, body } : { end: body };
      // Settled in the same turn: the world has no promises.
      ended = done.end.kind === "accepted" ? undefined : done.end;
      this.#body = typeof body === "string" ? body : "";
      return Promise.resolve(done);
    });
    void operator.send(call, "", 0);
    return ended ?? { kind: "accepted", requestId: "R", answer: answerOf(call, this.#body) };
  }

  #sweep(jobId: string, names: readonly string[]): StopCallEnd["end"] {
    const job = this.service.platform.jobs.get(jobId);
    let accepted = 0;
    for (let first = 0; first < names.length; first += NAMES_PER_CALL) {
      const DeviceName = names.slice(first, first + NAMES_PER_CALL);
      const scope = { ProductKey: job?.product.key ?? "", FirmwareId: job?.firmware.id ?? "", JobId: jobId };
      if (typeof this.#ask("CancelOTATaskByDevice", { ...scope, DeviceName }) === "string")
        accepted += DeviceName.length;
    }
    return { kind: "swept", accepted };
  }

  /** The body of a success, or the refusal. */
  #ask(action: string, parameters: Parameters<TestService["call"]>[1]) {
    const nth = this.#asked.get(action) ?? 0;
    this.#asked.set(action, nth + 1);
    const refusal = this.#world.refusal?.(action, nth);
    if (refusal !== undefined) return refusalOf(refusal);
    try {
      return JSON.stringify({ RequestId: "R", Success: true, ...this.service.call(action, parameters) });
    } catch (error) {
      return refusalOf((error as { code: string }).code);
    }
  }
}

function refusalOf(code: string) {
  const verdict = meaningOf(code, 200, false);
  const reaction: Refusal["reaction"] = verdict.kind === "internal" ? { kind: "internal", recovered: false } : verdict;
  return { kind: "refused", requestId: "R", refusal: { code, message: "refused", reaction } } as const;
}

function answerOf(call: StopCall, body: string): JobAnswer | undefined {
  switch (call.operation) {
    case "ListOTAJobByFirmware":
      return readJobPage(body, call.page, JOBS_PER_PAGE);
    case "QueryOTAJob":
      return readJob(body);
    case "ListOTATaskByJob":
      return readTaskPage(body, { withNames: call.pageSize > 1, states: JOB_TASK_STATES });
    default:
      return { kind: "done" };
  }
}
