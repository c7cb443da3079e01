// The context of the clients of a soak, and the counts of what they did.
import type { EventEmitter } from "node:events";
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { type CancelTasksByDeviceRequest, OtaServiceClient, Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "./grpc-caller.js";
import type { GatewayProgram } from "./processes.js";

/** Their requests, and the answers. */
export interface SoakCounts {
  rpcs: number;
  devicesAccepted: number;
  /** How rpcs and requests of streams ended, by status, without deliberate garbage. */
  readonly ends: Map<string, number>;
  readonly byKind: Map<string, number>;
}

export interface SoakRun {
  readonly gateway: GatewayProgram;
  /** How many devices the emulator has. */
  readonly fleet: number;
  readonly random: () => number;
  readonly counts: SoakCounts;
}

export function noCounts(): SoakCounts {
  return { rpcs: 0, devicesAccepted: 0, ends: new Map(), byKind: new Map() };
}

export const DEADLINE_MS = 10_000;
export type Ask = [deviceNames: string[], request: Partial<CancelTasksByDeviceRequest>];

/** A caller on a connection of its own, for some requests. */
export async function asking(
  { gateway, random, counts }: SoakRun,
  run: (ask: (...ask: [...Ask, deadlineMs?: number, leaveMs?: number]) => Promise<void>) => Promise<void>,
): Promise<void> {
  const caller = createCaller(gateway.grpc, { "x-ota-caller": callerName(random) });
  await caller.connected().catch(() => {}); // on a busy machine

  await run(async (names, request, deadlineMs = DEADLINE_MS, leaveMs = deadlineMs) => {
    const { answer, leave } = caller.cancel(names, request, deadlineMs);
    counts.rpcs++;
    const leaving = setTimeout(leave, leaveMs); // as gRPC's clients do at their deadline
    try {
      const { results } = await answer;
      counts.devicesAccepted += results.filter(({ outcome }) => outcome === Outcome.ACCEPTED).length;
      add(counts.ends, "OK");
    } catch (error) {
      add(counts.ends, status[(error as ServiceError).code] ?? "?");
    } finally {
      clearTimeout(leaving);
    }
  });
  caller.close();
}

export function stubOf({ gateway }: SoakRun): OtaServiceClient {
  return new OtaServiceClient(gateway.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}

export function named(random: () => number): Metadata {
  const metadata = new Metadata();
  metadata.set("x-ota-caller", callerName(random));
  return metadata;
}

function callerName(random: () => number): string {
  return `guest-${below(random, 1e9)}`;
}

/** Consecutive devices of the fleet; other clients request some of them too. */
export function devices({ random, fleet }: SoakRun, count: number): string[] {
  const first = below(random, fleet - count);
  return Array.from({ length: count }, (_, n) => seededName(first + n));
}

export function below(random: () => number, bound: number): number {
  return Math.floor(random() * bound);
}

export function oneOf<T>(random: () => number, all: readonly T[]): T {
  return all[below(random, all.length)] as T;
}

export function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Resolves however the request ends. */
export function closed(request: EventEmitter): Promise<void> {
  return new Promise((resolve) => request.on("error", () => {}).on("close", resolve));
}

export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
