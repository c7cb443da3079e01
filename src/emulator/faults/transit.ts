// Decides how long a call travels: max(0, latency + a uniform part of ±jitter). The delay is split
// at a random point; one part passes before the call is counted, the rest before its answer is
// back. So calls sent evenly arrive unevenly, as on a real network, which exposes a limiter that
// counts when it sends.
import type { Random } from "../random.js";

export interface Transit {
  readonly outwardMs: number;
  readonly backMs: number;
}

export function transit(latencyMs: number, jitterMs: number, random: Random): Transit {
  const totalMs = Math.max(0, latencyMs + jitterMs * (2 * random() - 1));
  const outwardMs = totalMs * random();
  return { outwardMs, backMs: totalMs - outwardMs };
}
