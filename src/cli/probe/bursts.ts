// Sends what window.ts reads. This is the one part of the probe that is meant to be throttled, and only with leave.
import { type Clock, sleepUntil } from "../../base/clock.js";
import type { Operation } from "../../upstream/operations.js";
import type { Asker } from "./asker.js";
import type { Round } from "./window.js";
import type { Sending, Times } from "./wire.js";

export const ROUNDS = 4;
/** From the burst to the late call: over half a second, and well before the end of a sliding one. */
const LATE_MS = 650;
/** Each round begins so much further on in a second than the one before. */
const STEP_MS = 250;
/** After the last answer nothing that was sent before counts any more; the second and a bit. */
const QUIET_MS = 1100;

export interface BurstOptions {
  readonly asker: Asker;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly callsPerSecond: number;
  readonly operation: Operation;
}

/** The rounds that can be read: others use the account, or answers are lost, in those that are left out. */
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
    // It is heard below; without this, a failure before that would end the process.
    sent.catch(() => undefined);
    await sleepUntil(clock, burstMs + LATE_MS, signal);
    const late = await asker.sendNow(operation);
    const burst = (await sent).flatMap((sending) => (isAdmitted(sending) ? [sending] : []));
    if (burst.length < callsPerSecond || !("sentMs" in late)) continue;
    rounds.push({ burst: burst.map(timesOf), late: { ...timesOf(late), admitted: isAdmitted(late) } });
  }
  return rounds;
}

/** Refused for what it asks is let in all the same. */
function isAdmitted(sending: Sending): sending is Extract<Sending, Times> {
  return "sentMs" in sending && !(sending.kind === "refused" && sending.reaction === "throttled");
}

function timesOf({ sentMs, answeredMs }: Times): Times {
  return { sentMs, answeredMs };
}
