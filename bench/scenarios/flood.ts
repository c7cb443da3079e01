// One caller floods, with 200 connections and 100 requests in flight on each. Measures how much
// longer single devices of another caller take. In the flood's scope they share its calls, so that
// the increase comes from the flood of requests alone. In a scope of their own they also wait for
// every other call, which is the flood's fair share. To know that part, it is also measured beside
// a caller with as much work that asks only once. The flood runs with `nice`, so that it uses the
// processor time that the gateway and the measurer leave. It stands for a flood from other
// machines, which could not take the gateway's own. One round is not enough: each 99th percentile
// is the fourth longest of 400 waits, which one full garbage collection can decide.
import { fork } from "node:child_process";
import { once } from "node:events";
import { setPriority } from "node:os";
import { cpuMs } from "../cpu.js";
import { callerOf } from "../crowd.js";
import type { Measured } from "../goal.js";
import { median, quantile } from "../median.js";
import { NETWORK, type ServerProcess, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

/** Each with a gateway of its own, which is cold when the flood begins. */
const ROUNDS = 3;
const CONNECTIONS = 200;
const IN_FLIGHT = 100;
const SINGLES = 400;

/** Devices in one request, enough for every other call during the measurement. */
const POLITE_DEVICES = 10_000;
const NICE = 10;

/** The flood's scope, and another. */
const SCOPES = { same: "a1Bench", own: "a1Small" } as const;

interface Counts {
  readonly answered: number;
  readonly overloaded: number;
  readonly other: number;
}

type Scope = keyof typeof SCOPES;

/** Medians of the rounds. */
export interface FloodFigures {
  /** 99th percentiles. */
  readonly calmMs: Record<Scope, number>;
  readonly grownMs: Record<Scope, number>;
  /** In a scope of its own, beside a caller that asks once. */
  readonly besidePoliteMs: number;
}

interface Round {
  readonly calmMs: Record<Scope, number>;
  readonly grownMs: Record<Scope, number>;
  readonly besidePoliteMs: number;
  readonly overloadedPerSecond: number;
  readonly other: number;
  /** Processors that the gateway used. */
  readonly busy: number;
}

export async function flood(isShort: boolean): Promise<Measured<FloodFigures>> {
  const rounds: Round[] = [];
  while (rounds.length < (isShort ? 1 : ROUNDS)) rounds.push(await floodOnce());
  const middle = (of: (round: Round) => number) => median(rounds.map(of));
  const both = (of: (round: Round) => Record<Scope, number>) => ({
    same: middle((round) => of(round).same),
    own: middle((round) => of(round).own),
  });
  const calmMs = both((round) => round.calmMs);
  const grownMs = both((round) => round.grownMs);
  const politeMs = middle(({ besidePoliteMs, calmMs: { own } }) => besidePoliteMs - own);
  const others = rounds.reduce((sum, { other }) => sum + other, 0);
  const goals = [
    { name: "flood: 99th percentile of another caller before, in ms", value: calmMs.same, most: 300 },
    { name: "flood: how much it grows, in ms", value: grownMs.same, most: 100 },
    { name: "flood: how much it grows in a scope of its own, in ms", value: grownMs.own, most: 100 },
    { name: "flood: the same, beside one request of 10,000 devices", value: politeMs },
    { name: "flood: overloaded a second", value: middle((round) => round.overloadedPerSecond), least: 1 },
    { name: "flood: failed otherwise", value: others, most: 0 },
    { name: "flood: processors that the gateway used", value: middle((round) => round.busy), most: 1.5 },
  ];
  return { goals, figures: { calmMs, grownMs, besidePoliteMs: middle((round) => round.besidePoliteMs) } };
}

async function floodOnce(): Promise<Round> {
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const gateway = await startGateway(upstream);
  await singles(gateway, "own");
  const calmMs = { same: await tailMs(gateway, "same"), own: await tailMs(gateway, "own") };
  const besidePoliteMs = await tailBesidePoliteMs(gateway);
  const flooder = fork(
    new URL("../flooder.ts", import.meta.url),
    [gateway.grpc, String(CONNECTIONS), String(IN_FLIGHT)],
    {
      execArgv: ["--import", "tsx"],
    },
  );
  setPriority(flooder.pid ?? 0, NICE);
  await once(flooder, "message");
  const [beforeMs, startMs] = [cpuMs(gateway.pid), performance.now()];
  const floodedMs = { same: await tailMs(gateway, "same"), own: await tailMs(gateway, "own") };
  const busy = (cpuMs(gateway.pid) - beforeMs) / (performance.now() - startMs);
  flooder.send("counts");
  const [counts] = (await once(flooder, "message")) as [Counts];
  flooder.disconnect();
  await gateway.stop();
  upstream.stop();
  const seconds = (performance.now() - startMs) / 1000;
  return {
    ...{ calmMs, besidePoliteMs, busy, other: counts.other },
    grownMs: { same: floodedMs.same - calmMs.same, own: floodedMs.own - calmMs.own },
    overloadedPerSecond: counts.overloaded / seconds,
  };
}

async function tailMs(gateway: ServerProcess, scope: Scope): Promise<number> {
  return Math.round(quantile(await singles(gateway, scope), 0.99));
}

async function tailBesidePoliteMs(gateway: ServerProcess): Promise<number> {
  const polite = callerOf(gateway, "polite");
  const deviceNames = Array.from({ length: POLITE_DEVICES }, (_, n) => `polite-${n}`);
  const { leave } = polite.cancel(deviceNames, { productKey: SCOPES.same, firmwareId: "Bench030100" });
  const besideMs = await tailMs(gateway, "own");
  leave(); // the rest would be in the flood's way
  polite.close();
  return besideMs;
}

/** How long single devices of one small caller take, in ms. */
async function singles(gateway: ServerProcess, scope: Scope): Promise<number[]> {
  const small = callerOf(gateway, "small");
  const request = { productKey: SCOPES[scope], firmwareId: "Bench030100" };
  const times: number[] = [];
  const asked: Promise<void>[] = [];
  for (let n = 0; n < SINGLES; n++) {
    await new Promise((resolve) => setTimeout(resolve, 15 + Math.random() * 10));
    const startMs = performance.now();
    const answer = small.cancel([`small-${n}`], request).answer;
    asked.push(answer.then(() => void times.push(performance.now() - startMs)));
  }
  await Promise.all(asked);
  small.close();
  return times;
}
