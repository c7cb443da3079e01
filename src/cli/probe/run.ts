// Runs the probe from its first call to its last. If it ends early, what was observed until then is
// kept.
import type { Clock } from "../../base/clock.js";
import { type Asker, createAsker, type Sighting, Stopped, words } from "./asker.js";
import { ROUNDS, sendBursts } from "./bursts.js";
import { countedOf } from "./counted.js";
import { readDevices } from "./device-readings.js";
import { HoldUps } from "./hold-ups.js";
import { type Evidence, INTERPRETATIONS } from "./questions.js";
import { sacrifice } from "./sacrifice.js";
import { refusedRead, ruleOutHarm } from "./safety.js";
import { cancelOperation, type Given, makeUp, quiet, type TrialName, trialsFor } from "./trials.js";
import { windowOf } from "./window.js";
import type { Wire } from "./wire.js";

export interface Probe {
  readonly evidence: Evidence;
  readonly callsSent: number;
  /** Why it ended early; undefined if it did not. */
  readonly endedBy?: string;
}

export interface ProbeOptions {
  readonly wire: Wire;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with a line for each step. */
  readonly progress: (line: string) => void;
  /** Pause from an answer to the next call. */
  readonly pauseMs?: number;
}

/** Keeps the probe below a tenth of the documented quota. */
export const PAUSE_MS = 1100;

const ROUND_TRIPS = 10;

/**
 * Runs the probe. Also resolves if the probe was stopped or the signal came; rejects only on a bug.
 */
export async function runProbe(given: Given, options: ProbeOptions): Promise<Probe> {
  const { wire, clock, signal, progress, pauseMs = PAUSE_MS } = options;
  const asker = createAsker({ wire, clock, pauseMs, signal });
  let evidence: Evidence = { trials: {}, throttles: asker.throttles, withIdleDevice: given.idleDevice !== undefined };
  const learn = (more: Partial<Evidence>) => {
    evidence = { ...evidence, ...more };
  };
  try {
    await findOut(given, { asker, wire, clock, signal, progress, learn, known: () => evidence });
    return { evidence, callsSent: asker.callsSent };
  } catch (error) {
    if (!(error instanceof Stopped) && !signal.aborted) throw error;
    return { evidence, callsSent: asker.callsSent, endedBy: error instanceof Stopped ? error.message : "interrupted" };
  }
}

interface FindingOut {
  readonly asker: Asker;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly learn: (more: Partial<Evidence>) => void;
  readonly known: () => Evidence;
}

async function findOut(
  given: Given,
  { asker, wire, clock, signal, progress, learn, known }: FindingOut,
): Promise<void> {
  const madeUp = makeUp();
  progress("checking that nothing can be harmed");
  const tasks = await ruleOutHarm(given, asker);
  for (const { name, trial, cancel } of trialsFor(given, madeUp)) {
    const { sighting } = await asker.ask(cancelOperation(given, cancel), { needed: name === "madeUp" });
    progress(`${trial.words}: ${words(sighting)}`);
    learn({ trials: { ...known().trials, [name]: sighting } });
    if (name === "madeUp") checkLetIn(sighting);
  }
  learn({ refusedRead: await refusedRead(madeUp.deviceNames[0], given, asker) });
  learn({ deviceReadings: await readDevices(madeUp.deviceNames[0], given, asker) });
  if (tasks.length > 0) {
    progress("cancels with the sacrificial devices");
    const refusesUnknown = INTERPRETATIONS.unknownDevice(known()).choice === "reject";
    const refusesIdle = isRefused(known(), "idle");
    learn({ sacrifice: await sacrifice(tasks, { given, madeUp, asker, progress, refusesUnknown, refusesIdle }) });
  }
  if (given.throttlingQuota !== undefined) {
    progress(`${ROUNDS} bursts of ${given.throttlingQuota} calls, each with one more`);
    const operation = cancelOperation(given, { names: [quiet(given, madeUp)] });
    const callsPerSecond = given.throttlingQuota;
    const holdUps = new HoldUps(clock);
    const rounds = await sendBursts({ asker, clock, signal, callsPerSecond, operation }).finally(() => holdUps.end());
    if (rounds.length === 0) return learn({ window: "disturbed", counted: "disturbed" });
    const counted = countedOf(rounds, await leastRoundTrip(wire), (call) => holdUps.within(call));
    learn({ window: windowOf(rounds), counted });
  }
}

/** Undefined if no request was answered. These are no calls, and count in no quota. */
async function leastRoundTrip(wire: Wire): Promise<number | undefined> {
  const tookMs: number[] = [];
  for (let n = 0; n < ROUND_TRIPS; n++) tookMs.push((await wire.roundTrip()) ?? Infinity);
  const leastMs = Math.min(...tookMs);
  return leastMs < Infinity ? leastMs : undefined;
}

/**
 * Stops if the product or the package itself is refused, because every other call would be refused
 * too.
 */
function checkLetIn(sighting: Sighting): void {
  if (sighting.kind !== "refused" || !/Product|Firmware|Instance|Tenant|\.prod\./i.test(sighting.code)) return;
  throw new Stopped(
    `A cancel was refused with ${sighting.code}. Check --upstream-url (its region), --product-key and --instance-id, ` +
      "and that the package is for that product.",
  );
}

function isRefused({ trials }: Evidence, name: TrialName): boolean {
  return trials[name]?.kind === "refused";
}
