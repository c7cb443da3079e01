// Several gateways on one account: the emulator, a real Redis behind a proxy that is as strict as
// Alibaba Cloud's, and gateways that each reach it through a network of their own. Also tireless
// callers, which request the next devices of the fleet as soon as they are answered.
import type { ServiceError } from "@grpc/grpc-js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "./grpc-caller.js";
import { readFailure } from "./grpc-failure.js";
import { type EmulatorProgram, type GatewayProgram, runEmulator, runGateway, type Variables } from "./processes.js";
import { type RedisServer, startRedis } from "./redis.js";
import { startStrictRedis } from "./strict-redis.js";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.js";

export interface Replica {
  gateway: GatewayProgram;
  readonly network: TcpProxy;
  /** Takes the place of the one that has ended. */
  restart(): Promise<void>;
}

export interface Fleet {
  readonly emulator: EmulatorProgram;
  readonly redis: RedisServer;
  readonly replicas: readonly Replica[];
}

/** A short timeout of calls, so that tests need not wait long for lost ones. */
const CALL_TIMEOUT_MS = 2000;

export async function startFleet(count: number, devices: number, variables: Variables = {}): Promise<Fleet> {
  const emulator = await runEmulator("--devices", String(devices), "--latency-ms", "20", "--jitter-ms", "20");
  const redis = await startRedis();
  const strict = await startStrictRedis(redis.port);
  const start = async (): Promise<Replica> => {
    const network = await startTcpProxy(strict.port);
    const run = () =>
      runGateway(emulator.url, {
        OTA_REDIS_URL: `redis://127.0.0.1:${network.port}`,
        OTA_UPSTREAM_TIMEOUT_MS: String(CALL_TIMEOUT_MS),
        OTA_LOG_LEVEL: "warn",
        OTEL_SDK_DISABLED: "true",
        ...variables,
      });
    const replica: Replica = {
      gateway: await run(),
      network,
      restart: async () => {
        replica.gateway = await run();
      },
    };
    return replica;
  };
  const replicas = await Promise.all(Array.from({ length: count }, start));
  await Promise.all(replicas.map(({ gateway }) => gateway.opened()));
  return { emulator, redis, replicas };
}

/** The answers to callers about their devices. */
export interface Told {
  readonly accepted: Set<string>;
  /** Devices whose outcome is unknown. */
  readonly unknown: Set<string>;
  /** Answered requests by status, those whose outcome is unknown by that reason. */
  readonly answers: Map<string, number>;
}

export interface Load {
  readonly told: Told;
  /** Sends no more; resolves when everything has been answered. */
  stop(): Promise<void>;
}

/** Names that no other load uses. */
export class Names {
  #next = 0;

  take(count: number): string[] {
    return Array.from({ length: count }, () => seededName(this.#next++));
  }
}

/**
 * Starts callers of this replica. Each has one request at a time, and repeats its devices until
 * they are accepted.
 */
export function startLoad(replica: Replica, names: Names, callers: number, devices: number, deadlineMs: number): Load {
  const told: Told = { accepted: new Set(), unknown: new Set(), answers: new Map() };
  let isOver = false;
  const work = async (n: number) => {
    let address = replica.gateway.grpc;
    let caller = createCaller(address, { "x-ota-caller": `caller-${n}` });
    let open: string[] = [];
    while (!isOver) {
      if (address !== replica.gateway.grpc) {
        caller.close();
        address = replica.gateway.grpc;
        caller = createCaller(address, { "x-ota-caller": `caller-${n}` });
      }
      if (open.length === 0) open = names.take(devices);
      open = await ask(caller, open, deadlineMs, told);
    }
    caller.close();
  };
  const all = Promise.all(Array.from({ length: callers }, (_, n) => work(n)));
  return {
    told,
    stop: async () => {
      isOver = true;
      await all;
    },
  };
}

/** Returns the devices that must be requested again. */
async function ask(
  caller: ReturnType<typeof createCaller>,
  deviceNames: string[],
  deadlineMs: number,
  { accepted, unknown, answers }: Told,
): Promise<string[]> {
  const count = (code: string) => answers.set(code, (answers.get(code) ?? 0) + 1);
  try {
    const { results } = await caller.cancel(deviceNames, {}, deadlineMs).answer;
    count("OK");
    for (const { deviceName, outcome } of results) {
      if (outcome === Outcome.ACCEPTED) accepted.add(deviceName);
      if (outcome === Outcome.UNKNOWN) unknown.add(deviceName);
    }
    return results.flatMap(({ deviceName, outcome }) => (outcome === Outcome.ACCEPTED ? [] : [deviceName]));
  } catch (error) {
    const { code, reason } = readFailure(error as ServiceError);
    count(reason === "OUTCOME_UNKNOWN" ? reason : code);
    for (const name of deviceNames) unknown.add(name);
    await new Promise((resolve) => setTimeout(resolve, 50));
    return deviceNames;
  }
}

/** The sum of all loads. */
export function toldOf(loads: readonly Load[]) {
  const answers = new Map<string, number>();
  for (const { told } of loads) {
    for (const [code, count] of told.answers) answers.set(code, (answers.get(code) ?? 0) + count);
  }
  const accepted = loads.flatMap(({ told }) => [...told.accepted]);
  const unknown = new Set(loads.flatMap(({ told }) => [...told.unknown]));
  for (const name of accepted) unknown.delete(name);
  return { accepted, unknown, answers: Object.fromEntries(answers) };
}
