// Defines the pictures and what each shows. A picture whose results are missing is left as it is.
import { median } from "../median.js";
import { factsOf } from "../peers/peers.js";
import { readResult, writePicture } from "../results.js";
import { type Run, US } from "../rollout-run.js";
import type { AnswerTimesFigures, Timed } from "../scenarios/answer-times.js";
import type { BystanderFigures } from "../scenarios/bystander.js";
import type { GrowthFigures, Point } from "../scenarios/growth.js";
import type { IngestFigures } from "../scenarios/ingest.js";
import type { ReplicasFigures } from "../scenarios/replicas.js";
import type { RolloutFigures } from "../scenarios/rollout.js";
import { type Bar, bars, type Curve, curves, HATCHED, MEASURED, OTHER, OURS } from "./chart.js";

const SIZE = 20_000;

/** One call's part of an account's second, which waits are measured in. */
const BETWEEN_CALLS_MS = 100;

export function drawPictures(): void {
  const rollout = readResult<RolloutFigures>("rollout")?.figures.runs;
  const answerTimes = readResult<AnswerTimesFigures>("answer-times")?.figures.runs;
  const bystander = readResult<BystanderFigures>("bystander")?.figures;
  const replicas = readResult<ReplicasFigures>("replicas")?.figures.shared;
  const ingest = readResult<IngestFigures>("ingest")?.figures.servers;
  const growth = readResult<GrowthFigures>("growth")?.figures;
  if (answerTimes) writePicture("answer-times", drawAnswerTimes(answerTimes));
  if (rollout) writePicture("rollout", drawRollout(rollout));
  if (rollout) writePicture("worst-second", drawWorstSecond(rollout));
  if (rollout && bystander) writePicture("bystander", drawBystander(rollout, bystander.waitsMs));
  if (replicas?.length) writePicture("replicas", drawReplicas(replicas));
  if (ingest) writePicture("ingest", drawIngest(ingest));
  if (growth) writePicture("growth", drawGrowth(growth));
}

function drawRollout(runs: readonly Run[]): string {
  const all = runs
    .filter(({ devices }) => devices === SIZE)
    .map((run): Bar => {
      const value = run.spanMs / run.idealMs;
      const label = `${value < 10 ? value.toFixed(2) : Math.round(value)}×`;
      return { name: run.who, value, label: run.isComputed ? `at least ${label}` : label, style: styleOf(run) };
    });
  const title = "Stop a rollout on 20,000 devices: first to last arrival, of the ideal";
  return bars(title, "times the ideal (log); hatched: computed, one device a call at the full quota", all, 0.1);
}

function drawAnswerTimes(runs: readonly Timed[]): string {
  const ours = runs.filter(({ who }) => who === US);
  const merging = runs.filter(({ who }) => who === factsOf("dataloader").title);
  const others = runs.filter((run) => !ours.includes(run) && !merging.includes(run));
  // The others are so close together that one line stands for all.
  const best = [...Map.groupBy(others, ({ answerMs }) => answerMs).values()].map(
    (each) => each.toSorted((a, b) => b.shareOfQuota - a.shareOfQuota)[0] as Timed,
  );
  const pointsOf = (all: readonly Timed[]) => all.map((run) => [run.answerMs, 100 * run.shareOfQuota] as const);
  const countedAs = (counted: Timed["counted"]) => pointsOf(ours.filter((run) => run.counted === counted));
  const all: Curve[] = [
    { name: `${US}, arrived`, points: countedAs("arrived"), color: OURS, symbol: "circle", dash: "solid" },
    { name: `${US}, answered`, points: countedAs("answered"), color: OURS, symbol: "rect", dash: "dashed" },
    { name: "DataLoader + minTime", points: pointsOf(merging), color: MEASURED, symbol: "triangle", dash: "solid" },
    { name: "best of the six others", points: pointsOf(best), color: MEASURED, symbol: "diamond", dash: "dotted" },
  ];
  const axes = { x: "ms that the cloud takes to answer", y: "% of the quota" };
  const bound = { at: 100, name: "2,000 devices a second" };
  return curves(
    "Stop a rollout of 100,000 devices: the share of the quota",
    { ...axes, xScale: "category", bound },
    all,
  );
}

function drawWorstSecond(runs: readonly Run[]): string {
  const all = [...new Set(runs.map(({ who }) => who))].map((who): Bar => {
    const measured = runs.filter((run) => run.who === who && !run.isComputed);
    const value = Math.max(...measured.map(({ worstSecond }) => worstSecond));
    const [calls, refused] = [sum(measured, "calls"), sum(measured, "refused")];
    const part = `${value}; ${((100 * refused) / calls).toFixed(0)} % refused`;
    return { name: who, value, label: part, style: { color: who === US ? OURS : MEASURED } };
  });
  return bars(
    "The worst second: most calls that arrived at the cloud, which takes 10",
    "calls in a second (log), and the part of its calls that was refused",
    all,
    1,
  );
}

function drawBystander(runs: readonly Run[], waitsMs: readonly number[]): string {
  const ours = median(waitsMs) / BETWEEN_CALLS_MS;
  const others = runs
    .filter(({ who, devices }) => who !== US && devices === 100_000)
    .map((run): Bar => {
      const value = run.bystanderMs / BETWEEN_CALLS_MS;
      return { name: run.who, value, label: Math.round(value).toLocaleString("en"), style: styleOf(run) };
    });
  const all = [{ name: US, value: ours, label: ours.toFixed(1), style: { color: OURS } }, ...others];
  const title = "One device of a small caller, behind 100,000 of a huge one: its wait";
  return bars(title, "times the time between two calls (log); hatched: computed, first come first served", all, 0.1);
}

function drawReplicas(shared: ReplicasFigures["shared"]): string {
  const looks = [
    { color: OURS, symbol: "circle", dash: "solid" },
    { color: MEASURED, symbol: "rect", dash: "dashed" },
    { color: MEASURED, symbol: "triangle", dash: "dotted" },
    { color: OTHER, symbol: "diamond", dash: "solid" },
    { color: OTHER, symbol: "rect", dash: "dotted" },
  ] as const;
  const all = [...new Set(shared.map(({ who }) => who))].map((name, n): Curve => {
    const points = shared.filter(({ who }) => who === name).map((run) => [run.replicas, run.worstSecond] as const);
    return { name, points, ...(looks[n % looks.length] as (typeof looks)[number]) };
  });
  const axes = { x: "processes that share the account through Redis", y: "calls in the worst second" };
  const bound = { at: 10, name: "the quota" };
  return curves("Processes that share a quota: the worst second", { ...axes, xScale: "category", bound }, all);
}

function drawIngest(servers: IngestFigures["servers"]): string {
  const bare = servers.find(({ who }) => who === "bare grpc-js")?.perRpcUs ?? Number.NaN;
  const all = servers.map(({ who, perRpcUs }): Bar => {
    const value = perRpcUs / bare;
    return { name: who, value, label: `${value.toFixed(2)}×`, style: { color: who === US ? OURS : MEASURED } };
  });
  return bars("Processor time of one request", "times that of a grpc-js server that does nothing", all);
}

function drawGrowth(figures: GrowthFigures): string {
  const { byQueued, byCallers, coreByQueued, coreByCallers } = figures;
  const all: Curve[] = [
    { name: "devices", points: relative(byQueued), color: OURS, symbol: "circle", dash: "solid" },
    { name: "devices, own part only", points: relative(coreByQueued), color: MEASURED, symbol: "rect", dash: "dashed" },
    { name: "callers", points: relative(byCallers), color: OURS, symbol: "triangle", dash: "dotted" },
    {
      name: "callers, own part only",
      points: relative(coreByCallers),
      color: MEASURED,
      symbol: "diamond",
      dash: "dotted",
    },
  ];
  const axes = { x: "devices queued, or callers (log)", y: "processor time for one, of that with fewest" };
  return curves(
    "Growth: what a device and a request cost",
    { ...axes, xScale: "log", bound: { at: 1, name: "" } },
    all,
  );
}

function relative(points: readonly Point[]): [number, number][] {
  return points.map(({ at, us }) => [at, us / (points[0]?.us ?? Number.NaN)]);
}

function styleOf({ who, isComputed }: Run): object {
  if (isComputed) return HATCHED;
  return { color: who === US ? OURS : MEASURED };
}

function sum(runs: readonly Run[], what: "calls" | "refused"): number {
  return runs.reduce((all, run) => all + run[what], 0);
}
