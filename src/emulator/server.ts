// The emulator as an HTTP server. Each call passes the emulated transit to the account, and ends on
// the socket as the account decided. All other requests go to the controls.
import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, sleepUntil } from "../base/clock.js";
import { parseHostPort } from "../base/host-port.js";
import { EmulatedAccount } from "./account.js";
import { type AccountCounts, AccountStatistics } from "./account-statistics.js";
import { play } from "./call-ending.js";
import { answerControl, type Controls, readAdvance } from "./control.js";
import { type FaultPlan, NO_FAULTS, PlannedFaults } from "./faults/fault-plan.js";
import { readFaultPlan } from "./faults/fault-plan-reader.js";
import { transit } from "./faults/transit.js";
import { openListener } from "./listener.js";
import { DEFAULTS, type EmulatorOptions } from "./options.js";
import { answerFormat, readRequest } from "./protocol/wire.js";
import { randomFor } from "./random.js";
import { type DeviceReport, readReport, takeReport } from "./report.js";
import { createRollout, type JobReading, jobReadings, type RolloutSpec, readRollout } from "./rollout-control.js";
import type { TaskCounts } from "./state/platform.js";
import { startPlatform } from "./state/start.js";
import type { TaskState } from "./state/task-state.js";

/** The answer of `GET /__stats`. */
export interface Stats extends AccountCounts, TaskCounts {}

export interface Emulator {
  /** For instance `http://127.0.0.1:8088`. */
  readonly url: string;
  readonly port: number;
  stats(): Stats;
  /**
   * The state of a device's newest task, by default in the seeded product; undefined if there is
   * none.
   */
  taskOf(deviceName: string, productKey?: string): TaskState | undefined;
  /**
   * Reports in place of a device. Returns the state of its task then; undefined without such a
   * device or task.
   */
  report(report: DeviceReport): TaskState | undefined;
  /** Creates a rollout with devices of its own. Throws JsonMistakes if it does not fit the rest. */
  startRollout(spec: RolloutSpec): JobReading;
  /** Every job as it is, oldest first, whatever its lists show. */
  rollouts(): readonly JobReading[];
  /**
   * Moves the platform's time ahead, for schedules, timeouts and simulated devices, but not for
   * signatures and quotas.
   */
  advance(ms: number): void;
  /** Replaces the faults in force. Faults that are not mentioned end. */
  setFaults(plan: Partial<FaultPlan>): void;
  /** Closes the emulator. Resolves when nothing is left open. */
  close(): Promise<void>;
}

/** How often simulated devices catch up with the time while no request comes. */
const CATCH_UP_MS = 1000;

/**
 * Starts an emulator. Resolves when it accepts calls; rejects if the address cannot be listened on.
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = { ...DEFAULTS, ...options };
  const { clock, latencyMs, jitterMs, processingMs } = settings;
  const listenAddress = parseHostPort(settings.listen);
  if (!listenAddress) throw new TypeError(`not an address to listen on: ${settings.listen}`);
  let aheadMs = 0;
  const platform = startPlatform(settings, () => aheadMs);
  const statistics = new AccountStatistics(clock);
  const plan = { ...NO_FAULTS, latencyMs, jitterMs, processingMs, ...settings.faultPlan };
  const planned = new PlannedFaults(plan, randomFor(settings, "fault"));
  const travel = randomFor(settings, "transit");
  const skewed: Clock = {
    now: () => clock.now(),
    wallNow: () => clock.wallNow() + planned.plan.clockSkewMs,
    at: (timeMs, run) => clock.at(timeMs, run),
  };
  const faults = (call: Parameters<typeof planned.choose>[0]) => settings.faults(call) ?? planned.choose(call);
  const account = new EmulatedAccount(settings, platform, statistics, faults, skewed);
  const closing = new AbortController();
  // One listener for each traveling call; Node warns of a leak from eleven on.
  setMaxListeners(0, closing.signal);
  const pause = async (ms: number) => {
    if (ms > 0) await sleepUntil(clock, clock.now() + ms, closing.signal);
  };

  async function answerCall(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reachedMs = clock.now();
    const { latencyMs, jitterMs, processingMs } = planned.plan;
    const { outwardMs, backMs } = transit(latencyMs, jitterMs, travel);
    // Not a call: asks what the server can do.
    if (request.method === "OPTIONS") {
      await pause(outwardMs + backMs);
      response.writeHead(204, { allow: "GET, POST, OPTIONS" }).end();
      return;
    }
    const beforeMs = outwardMs + (settings.counted === "answered" ? processingMs : 0);
    const [wireRequest] = await Promise.all([readRequest(request), pause(beforeMs)]);
    const received = account.receive(wireRequest, beforeMs > 0 ? clock.now() : reachedMs);
    const { ending, statistics: counted } = received;
    const workMs = settings.counted === "arrived" && received.isAdmitted ? processingMs : 0;
    await pause(workMs + backMs + (ending.kind === "answer" ? ending.delayMs : 0));
    const written = () => counted.answered(clock.now() - reachedMs);
    await play(ending, { response, format: answerFormat(wireRequest), epochMs: skewed.wallNow(), pause, written });
  }

  const stats = (): Stats => {
    platform.timeline.settle();
    return { ...statistics.counts(), ...platform.counts() };
  };
  const report = (of: DeviceReport) => takeReport(platform, of.productKey ?? settings.productKey, of);
  const startRollout = (spec: RolloutSpec) => createRollout(platform, spec, settings);
  for (const spec of settings.rollout) startRollout(spec);
  const advance = (ms: number) => {
    aheadMs += ms;
    platform.timeline.settle();
  };
  const setFaults = (plan: Partial<FaultPlan>) => {
    planned.set({ ...NO_FAULTS, ...plan });
    // Waits until the answer to this request is out.
    if (planned.plan.refuseConnectionsMs > 0 || !listener.isOpen) setImmediate(refuseConnections);
  };
  const controls: Controls = {
    "GET /__stats": stats,
    "GET /__faults": () => planned.show(),
    "PUT /__faults": (json) => {
      setFaults(readFaultPlan(json));
      return planned.show();
    },
    "DELETE /__faults": () => {
      setFaults({});
      return planned.show();
    },
    "POST /__devices": (json) => {
      const taskStatus = report(readReport(json));
      return taskStatus && { taskStatus };
    },
    "GET /__rollouts": () => jobReadings(platform),
    "POST /__rollouts": (json) => startRollout(readRollout(json)),
    "POST /__clock": (json) => {
      advance(readAdvance(json));
      return { now: new Date(platform.now()).toISOString() };
    },
  };

  const listener = await openListener(listenAddress, (request, response) => {
    if (answerControl(request, response, controls)) return;
    // No answer to a client that went away or sent too much, and to none once the emulator closes.
    answerCall(request, response).catch(() => response.destroy());
  });

  function refuseConnections(): void {
    listener.refuseUntil(pause(planned.plan.refuseConnectionsMs)).catch((error: Error) => {
      if (!closing.signal.aborted) process.stderr.write(`emulator: cannot listen again: ${error.message}\n`);
    });
  }

  async function catchUp(): Promise<void> {
    for (;;) {
      await pause(CATCH_UP_MS);
      platform.timeline.settle();
    }
  }
  if (planned.plan.refuseConnectionsMs > 0) refuseConnections();
  // Ends when the emulator closes, because its pause then rejects.
  if (settings.simulate) catchUp().catch(() => undefined);

  return {
    url: listener.url,
    port: listener.port,
    stats,
    taskOf(deviceName, productKey = settings.productKey) {
      platform.timeline.settle();
      return platform.taskOf(productKey, deviceName);
    },
    report,
    startRollout,
    rollouts: () => jobReadings(platform),
    advance,
    setFaults,
    async close() {
      closing.abort();
      await listener.close();
    },
  };
}
