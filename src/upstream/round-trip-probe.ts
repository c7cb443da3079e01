// Measures the way to the upstream and back. The request goes the way of the calls, on their
// connections, and is answered before anything is signed or counted: browsers send it before calls
// from other sites. A handshake would be no measure, because a load balancer or a sidecar on the
// way may answer it.
import type { Dispatcher } from "undici";
import type { Clock } from "../base/clock.js";
import { exchange } from "./exchange.js";

/** In ms. Undefined if there was no answer by the monotonic `untilMs`. Always resolves. */
export async function roundTrip(
  dispatcher: Dispatcher,
  origin: string,
  clock: Clock,
  untilMs: number,
): Promise<number | undefined> {
  const exchanged = await exchange(dispatcher, origin, { method: "OPTIONS", path: "/", headers: {} }, clock, untilMs);
  return exchanged.kind === "answered" ? exchanged.waitMs : undefined;
}
