// Sends the bursts that window.ts interprets. Only this part of the probe provokes throttling, and
// only with the user's consent.
import { type Clock, sleepUntil } from "../../base/clock.js";
import type { Operation } from "../../upstream/device-operations.js";
import type { Asker } from "./asker.js";
import type { Round } from "./window.js";
import type { Sending, Times } from "./wire.js";

export const ROUNDS = 4;
/**
 * From the burst to the late call: more than half a second, and well before the end of a sliding
 * second.
 */
const LATE_MS = 650;
/** Each round begins this much later within a second than the one before. */
const STEP_MS = 250;
/** This long after the last answer, earlier calls no longer count: a second, plus some margin. */
const QUIET_MS = 1100;

export interface BurstOptions {
  readonly asker: Asker;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly callsPerSecond: number;
  readonly operation: Operation;
}

/**
 * Returns the rounds that can be interpreted. Others are left out: another sender uses the account,
 * or answers were lost.
 */
export async function sendBursts(options: BurstOptions): Promise<readonly Round[]> {
  const { asker, clock, signal, callsPerSecond, operation } = options;
  const zeroMs = clock.now();
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await asker.quiet(QUIET_MS);
    const placeMs = zeroMs + round * STEP_MS;
    const burstMs = placeMs + Math.ceil((clock.now() - placeMs) / 1000) * 1000;
    await sleepUntil(clock, burstMs, signal);
    const sent = Promise.all(Array.from({ length: callsPerSecond }, () => asker.sendNow(operation)));
    // Awaited below; until then, a failure would end the process as an unhandled rejection.
    sent.catch(() => undefined);
    await sleepUntil(clock, burstMs + LATE_MS, signal);
    const late = await asker.sendNow(operation);
    const burst = (await sent).flatMap((sending) => (isAdmitted(sending) ? [sending] : []));
    if (burst.length < callsPerSecond || !("sentMs" in late)) continue;
    rounds.push({ burst: burst.map(timesOf), late: { ...timesOf(late), admitted: isAdmitted(late) } });
  }
  return rounds;
}

/** A call refused for what it asks was still admitted by the quota. */
function isAdmitted(sending: Sending): sending is Extract<Sending, Times> {
  return "sentMs" in sending && !(sending.kind === "refused" && sending.reaction === "throttled");
}

function timesOf({ sentMs, answeredMs }: Times): Times {
  return { sentMs, answeredMs };
}
