// How long a connection lasts. After half an hour, more or less, its client is asked to connect anew: it shows its
// certificate again, and sees new replicas. Calls that are under way end as they would have. Those that are asked at
// the same time form a cohort, with an HTTP/2 server of its own: that is what grpc-js can end gracefully.
//
// grpc-js has an age of its own, `grpc.max_connection_age_ms`. But Node keeps a list of timers for every length of a
// timer, and drops that of an unreferenced one only when it would have run: each connection would leave one behind,
// since no two live equally long. And a server that shuts down does not wait for connections that were asked to go.
import type { Socket } from "node:net";
import type { ConnectionInjector } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";

/** A tenth more or less, so that who came together does not come back together. */
const AGE_MS = 30 * 60_000;
const SPREAD_MS = AGE_MS / 10;

/** Those that are to go within so long of each other are one cohort. */
const COHORT_MS = 30_000;

/** Connections, and their ends. */
export interface ConnectionAging {
  /** Serves a connection. */
  take(socket: Socket): void;
  /** Asks everybody to go. Resolves when they have, or after `withinMs`, when those that are left are cut off. */
  close(withinMs: number): Promise<void>;
}

/** `inject`: makes an HTTP/2 server for connections that are given to it. */
export function createConnectionAging(inject: () => ConnectionInjector, clock: Clock): ConnectionAging {
  /** By when they are to go, in units of COHORT_MS. */
  const cohorts = new Map<number, ConnectionInjector>();
  const open = new Set<Socket>();
  let isClosed = false;
  let lastHasGone = () => {};
  let disarm = () => {};
  arm();

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

  function arm(): void {
    disarm = clock.at(clock.now() + COHORT_MS, () => {
      askToGo(clock.now() / COHORT_MS);
      arm();
    });
  }

  function askToGo(until: number): void {
    for (const [end, injector] of cohorts) {
      if (end > until) continue;
      cohorts.delete(end);
      injector.destroy();
    }
  }
}
