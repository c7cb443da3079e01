// Many accounts on one replica: what a hundred idle ones ask of Redis, and what the calls of fifty
// busy ones cost, with the ledgers in Redis and in the process. From that follows how many busy
// accounts one processor core carries.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { provide } from "../../test/support/debian.js";
import type { Variables } from "../../test/support/processes.js";
import { type RedisServer, startRedis } from "../../test/support/redis.js";
import { cpuMs } from "../cpu.js";
import { callerOf } from "../crowd.js";
import type { Goal, Measured } from "../goal.js";
import { CALLS_PER_SECOND, DEVICES_PER_CALL } from "../peers/peer.js";
import { type ServerProcess, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

const IDLE_ACCOUNTS = 100;
const BUSY_ACCOUNTS = 50;

/** Replicas have registered and ledgers have opened by then; from then on, the same repeats. */
const SETTLED_MS = 5000;
const IDLE_MS = 30_000;
const BUSY_MS = 10_000;

/** Large, because the cost of a request is measured by ingest. */
const DEVICES_PER_REQUEST = 100;

/** Full calls of each account that wait or are under way at any time. */
const CALLS_WAITING = 3;

/** In each account: all of them together have to fit into the heap. */
const MOST_QUEUED = "20000";
const ANSWER_MS = 20;
const REQUEST = { productKey: "a1Bench", firmwareId: "Bench030100" };

interface Busy {
  readonly ledger: "in Redis" | "in the process";
  readonly callsPerSecond: number;
  /** The gateway's processor time. */
  readonly perCallMs: number;
}

export interface AccountsFigures {
  readonly idle: { readonly scriptsPerSecond: number; readonly commandsPerSecond: number } | undefined;
  readonly busy: readonly Busy[];
}

export async function accounts(isShort: boolean): Promise<Measured<AccountsFigures>> {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-bench-"));
  const busy = [await busyAccounts("in the process", accountsIn(folder, BUSY_ACCOUNTS))];
  let idle: AccountsFigures["idle"];
  if (provide("redis")) {
    const redis = await startRedis();
    const shared = { OTA_REDIS_URL: redis.url, OTA_UPSTREAM_TIMEOUT_MS: "2000" };
    const idleMs = isShort ? IDLE_MS / 3 : IDLE_MS;
    idle = await idleAccounts({ ...accountsIn(folder, IDLE_ACCOUNTS), ...shared }, redis, idleMs);
    redis.command("flushall");
    busy.push(await busyAccounts("in Redis", { ...accountsIn(folder, BUSY_ACCOUNTS), ...shared }));
    await redis.kill();
  }
  rmSync(folder, { recursive: true });
  return { goals: [...idleGoals(idle), ...busy.flatMap(goalsOf)], figures: { idle, busy } };
}

function idleGoals(idle: AccountsFigures["idle"]): Goal[] {
  if (!idle) return [];
  return [
    { name: "100 idle accounts: commands a second that Redis gets", value: idle.scriptsPerSecond, most: 20 },
    { name: "the same, with the commands of its scripts", value: idle.commandsPerSecond },
  ];
}

function goalsOf({ ledger, callsPerSecond, perCallMs }: Busy): Goal[] {
  const name = `50 busy accounts, ledgers ${ledger}`;
  return [
    { name: `${name}: calls a second (their quotas: 500)`, value: callsPerSecond },
    { name: `${name}: ms of processor time for a full call`, value: perCallMs },
    { name: `${name}: accounts that a core carries`, value: 1000 / perCallMs / CALLS_PER_SECOND },
  ];
}

async function idleAccounts(variables: Variables, redis: RedisServer, forMs: number): Promise<AccountsFigures["idle"]> {
  const upstream = await startUpstream(...TAKES_ALL);
  const gateway = await startGateway(upstream, variables);
  await sleep(SETTLED_MS);
  const [startMs, before] = [performance.now(), commandsOf(redis)];
  await sleep(forMs);
  const [tookMs, after] = [performance.now() - startMs, commandsOf(redis)];
  await gateway.stop();
  upstream.stop();
  const perSecond = (kind: keyof typeof after) => ((after[kind] - before[kind]) * 1000) / tookMs;
  return { scriptsPerSecond: perSecond("scripts"), commandsPerSecond: perSecond("all") };
}

async function busyAccounts(ledger: Busy["ledger"], variables: Variables): Promise<Busy> {
  const flags = [
    "--latency-ms",
    String(ANSWER_MS),
    ...TAKES_ALL,
    "--quota",
    String(2 * BUSY_ACCOUNTS * CALLS_PER_SECOND),
  ];
  const upstream = await startUpstream(...flags);
  const gateway = await startGateway(upstream, variables);
  const load = keepBusy(gateway);
  await sleep(SETTLED_MS);
  const [startMs, cpu, before] = [performance.now(), cpuMs(gateway.pid), await upstream.counts()];
  await sleep(BUSY_MS);
  const [tookMs, spentMs, after] = [performance.now() - startMs, cpuMs(gateway.pid) - cpu, await upstream.counts()];
  load.end();
  await gateway.stop();
  upstream.stop();
  const calls = after.succeeded - before.succeeded;
  return { ledger, callsPerSecond: (calls * 1000) / tookMs, perCallMs: spentMs / calls };
}

/** Keeps requests waiting in every account, each sent again when it is answered. */
function keepBusy(gateway: ServerProcess): { end(): void } {
  const caller = callerOf(gateway, "busy");
  let isOver = false;
  const loop = async (account: string, nth: number) => {
    for (let n = 0; !isOver; n++) {
      const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `dev-${nth}-${n}-${m}`);
      await caller.cancel(deviceNames, { ...REQUEST, account }).answer.catch(() => {}); // ended with the gateway
    }
  };
  const perAccount = (CALLS_WAITING * DEVICES_PER_CALL) / DEVICES_PER_REQUEST;
  for (const account of namesOf(BUSY_ACCOUNTS)) {
    for (let nth = 0; nth < perAccount; nth++) void loop(account, nth);
  }
  return {
    end() {
      isOver = true;
      caller.close();
    },
  };
}

function accountsIn(folder: string, count: number): Variables {
  const path = join(folder, `${count}.yaml`);
  writeFileSync(
    path,
    `accounts:\n${namesOf(count)
      .map((name) => `  ${name}: {}\n`)
      .join("")}`,
  );
  return { OTA_CONFIG: path, OTA_MAX_QUEUED_DEVICES: MOST_QUEUED };
}

function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `account-${n}`);
}

/**
 * An idle ledger sends scripts, wake-ups and pings; Redis counts the commands inside scripts as
 * well.
 */
function commandsOf(redis: RedisServer): { readonly scripts: number; readonly all: number } {
  const statistics = redis.command("info", "commandstats");
  const countOf = (command: string) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(statistics)?.[1] ?? 0);
  const all = [...statistics.matchAll(/cmdstat_\S+:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  return { scripts: countOf("evalsha") + countOf("eval") + countOf("publish") + countOf("ping"), all };
}
