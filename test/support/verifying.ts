// A gateway that reads back, under the hand clock, with an upstream that cancels and lists as a
// test decides.
import type { Command } from "../../src/gateway/command.js";
import { Gateway, type Request } from "../../src/gateway/gateway.js";
import { ReadLoop } from "../../src/verification/read-loop.js";
import { Verification } from "../../src/verification/verification.js";
import { EQUAL } from "./fake-callers.js";
import { aCommand, aScope } from "./fake-command.js";
import { FakeLimiter } from "./fake-limiter.js";
import { FakeLog } from "./fake-log.js";
import { FakeTaskReader } from "./fake-task-reader.js";
import { FakeUpstream } from "./fake-upstream.js";
import { HandClock } from "./hand-clock.js";

const JOB = aScope("product", "job");

export function startVerifying({ mostWithoutJob = 50 } = {}) {
  const clock = new HandClock();
  const log = new FakeLog();
  const upstream = new FakeUpstream({ clock });
  const limiter = new FakeLimiter({ clock });
  const loopOf = (operation: "ListOTATaskByJob" | "ListOTAUnfinishedTaskByDevice", devicesPerCall: number) => {
    const reader = new FakeTaskReader(clock, devicesPerCall);
    const readLimiter = new FakeLimiter({ clock });
    const loop = new ReadLoop({ account: "default", clock, log, operation, limiter: readLimiter, reader });
    return { reader, limiter: readLimiter, loop };
  };
  const ofJob = loopOf("ListOTATaskByJob", 50);
  const unfinished = loopOf("ListOTAUnfinishedTaskByDevice", 1);
  const verifier = new Verification({
    clock,
    tasksOfJob: ofJob.loop,
    unfinishedTasks: unfinished.loop,
    mostWithoutJob,
  });
  const bounds = { queuedDevices: 1_000_000, queuedDevicesPerCaller: 500_000 };
  const ports = { account: "default", clock, limiter, upstream, log, callers: EQUAL, random: () => 0.5 };
  const gateway = new Gateway({ ...ports, bounds, verifier });
  const ask = (command: Partial<Command> = {}) =>
    gateway.cancel(aCommand({ scope: JOB, verify: true, answerByMs: clock.now() + 60_000, ...command }));
  return { clock, log, upstream, limiter, gateway, ofJob, unfinished, ask };
}

/** Each outcome, with the reason if it is not verified. */
export async function toldBy({ told }: Request): Promise<string[]> {
  return (await told).outcomes.map((outcome) => {
    const why = "unverified" in outcome && outcome.unverified ? `: ${outcome.unverified.message}` : "";
    return `${outcome.kind}${why}`;
  });
}
