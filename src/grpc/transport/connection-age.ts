// Limits the age of connections. After about half an hour a client is asked to reconnect: it
// presents its certificate again, and sees new replicas. Its rpcs in flight go on. Connections that
// are asked at the same time form a cohort with an HTTP/2 server of its own, because a server is
// what grpc-js can end gracefully.
//
// `grpc.max_connection_age_ms` does not do. Node keeps a list of timers for every length of a
// timer, and drops the list of an unreferenced timer only when that would have run: each
// connection, with a random age, would leave one behind. And at shutdown grpc-js does not wait for
// connections that were asked to reconnect. See ADR 20.
import type { Socket } from "node:net";
import type { ConnectionInjector } from "@grpc/grpc-js";
import { type Clock, every } from "../../base/clock.js";

/** A tenth more or less, so that clients that came together do not come back together. */
const AGE_MS = 30 * 60_000;
const SPREAD_MS = AGE_MS / 10;

/** Connections that end within the same half minute are one cohort. */
const COHORT_MS = 30_000;

export interface ConnectionAging {
  /** Serves a connection. */
  take(socket: Socket): void;
  /** Asks all clients to go. Resolves when they have gone; cuts off the rest after `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/** `inject` makes an HTTP/2 server that takes connections. */
export function createConnectionAging(inject: () => ConnectionInjector, clock: Clock): ConnectionAging {
  /** By their end, in units of COHORT_MS. */
  const cohorts = new Map<number, ConnectionInjector>();
  const open = new Set<Socket>();
  let isClosed = false;
  let lastHasGone = () => {};
  const disarm = every(clock, COHORT_MS, () => askToGo(clock.now() / COHORT_MS));

  return {
    take(socket) {
      if (isClosed) return void socket.destroy();
      open.add(socket);
      socket.once("close", () => {
        open.delete(socket);
        if (open.size === 0) lastHasGone();
      });
      const endMs = clock.now() + AGE_MS + (2 * Math.random() - 1) * SPREAD_MS;
      cohort(Math.floor(endMs / COHORT_MS)).injectConnection(socket);
    },
    close(withinMs) {
      isClosed = true;
      disarm();
      askToGo(Number.POSITIVE_INFINITY);
      if (open.size === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          for (const socket of open) socket.destroy();
        }, withinMs);
        lastHasGone = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };

  function cohort(end: number): ConnectionInjector {
    const known = cohorts.get(end);
    if (known) return known;
    const injector = inject();
    cohorts.set(end, injector);
    return injector;
  }

  function askToGo(until: number): void {
    for (const [end, injector] of cohorts) {
      if (end > until) continue;
      cohorts.delete(end);
      injector.destroy();
    }
  }
}
