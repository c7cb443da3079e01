// Composes the gateway: takes settings, opens listening ports, and defines the order in which
// everything starts and ends.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { every, sleepUntil, systemClock } from "../base/clock.js";
import type { HostPort } from "../base/host-port.js";
import type { Log } from "../base/log.js";
import { type Config, ConfigError, type Environment } from "../config/config.js";
import { OUTCOMES } from "../gateway/device-outcome.js";
import { heapTooSmall } from "../grpc/resource-bounds.js";
import { type GrpcServer, startGrpcServer } from "../grpc/server.js";
import type { StoreConnection } from "../limiter/shared/redis.js";
import { type AdminServer, startAdminServer } from "../observe/admin/server.js";
import { snapshotOf } from "../observe/admin/snapshot-of.js";
import { openAuditLog } from "../observe/audit/audit-log.js";
import { createAuditor } from "../observe/audit/auditor.js";
import { flightDownload } from "../observe/recorder/download.js";
import { createMetrics } from "../observe/telemetry/metrics.js";
import type { MetricsPage } from "../observe/telemetry/prometheus.js";
import { openAccess } from "./access.js";
import { type Account, openAccount } from "./account.js";
import { ConditionLog } from "./condition-log.js";
import { listenTrouble } from "./listen-trouble.js";
import { openOperations, operationAudit, type ServedOperations } from "./operations.js";
import { ReadinessRule, type ReadyAccount } from "./readiness.js";
import { refuseUnwritable } from "./refuse-unwritable.js";
import { createShownOperations } from "./shown-operations.js";
import { logStart } from "./start-line.js";
import { programVersion } from "./version.js";

/** A gateway that is listening. */
export interface Serving {
  /** host:port of the gRPC server. */
  readonly grpc: string;
  /** host:port of the admin server; undefined if it is off. */
  readonly admin: string | undefined;
  /**
   * Reloads all files: the audit log after a rotation, certificates, the callers' rights, and the
   * keys that verify tokens.
   */
  reload(): void;
  /** Stops gracefully: refuses new requests, answers those admitted, and closes everything. */
  stop(): Promise<void>;
}

/**
 * Time for grpc-js to send the last answers after every rpc has ended: there may be thousands, on a
 * busy machine.
 */
const LAST_WORDS_MS = 5000;

/** How often the state of each account is looked at, for the log and for /readyz. */
const LOOK_MS = 1000;

/** Time for calls to end and tokens to be given back, after all callers have been answered. */
const LAST_CALLS_MS = 2500;

/**
 * Starts everything, or throws and leaves nothing running. Throws NoCredentials if there are none.
 * `environment` is searched for them first; `readMetrics` is the answer of /metrics.
 */
export async function serve(
  config: Config,
  log: Log,
  environment: Environment,
  readMetrics?: () => Promise<MetricsPage>,
): Promise<Serving> {
  const clock = systemClock;
  const version = programVersion();
  const tooSmall = heapTooSmall(config.maxQueuedDevices * config.accounts.size);
  if (tooSmall) throw new ConfigError([tooSmall]);
  if (config.auditStrict) refuseUnwritable(config.auditLog);
  const access = await openAccess(config, environment, clock, log);
  const { callers, bearer } = access;
  const proven = bearer !== undefined || config.tlsClientCa !== "";
  const auditLog = config.auditLog ? openAuditLog(config.auditLog, { clock, log }) : undefined;
  const withDeviceNames = config.auditDeviceNames;
  const auditor = auditLog && createAuditor({ clock, log, lines: auditLog, withDeviceNames });
  const accounts = new Map<string, Account>();
  const metrics = createMetrics(callers.names(), OUTCOMES);
  const unwatch: (() => void)[] = [];
  let connection: StoreConnection | undefined;
  let served: ServedOperations | undefined;
  let admin: AdminServer | undefined;
  let grpc: GrpcServer;
  let streamingCallers: () => ReadonlySet<string> = () => new Set();
  const end = async () => {
    access.close();
    for (const each of unwatch) each();
    await served?.close();
    await Promise.all([...accounts.values()].map((account) => account.close()));
    connection?.close();
  };
  const startedWallMs = clock.wallNow();
  const readiness = new ReadinessRule({
    clock,
    isTried: config.startupCheck,
    accounts: () => [...accounts.values()].map(readyAccount),
  });
  try {
    connection = await connect(config, log);
    const replica = randomBytes(6).toString("hex");
    const shared = { config, environment, clock, log, replica, callers, proven, metrics };
    for (const [name, settings] of config.accounts) {
      accounts.set(name, await openAccount({ ...shared, name, settings, storeOf: connection?.storeOf }));
    }
    unwatch.push(metrics.watch(watched(accounts, config), clock.now));
    const gateways = new Map([...accounts].map(([name, { gateway }]) => [name, gateway]));
    const stops = new Map([...accounts].map(([name, account]) => [name, account.stops]));
    served = await openOperations({ config, clock, log, callers, gateways, stops, auditor, metrics });
    unwatch.push(metrics.watchProcess(version, clock.now));
    const shownOperations = createShownOperations(() => served?.reading());
    const conditionLog = new ConditionLog(clock, log);
    unwatch.push(
      every(clock, LOOK_MS, () => {
        readiness.now();
        for (const [name, { gateway }] of accounts) conditionLog.note(name, gateway.monitor.condition());
      }),
    );
    const adminOptions = {
      token: config.adminToken,
      clock,
      log,
      readiness: () => readiness.now(),
      conditions: () => conditionsOf(accounts),
      snapshot: () => {
        const streaming = streamingCallers();
        return {
          wallMs: clock.wallNow(),
          readiness: readiness.now(),
          about: { instance: hostname(), version, startedWallMs },
          ...shownOperations(),
          accounts: [...accounts].map(([name, { gateway, feed, readings }]) =>
            snapshotOf(
              name,
              gateway.monitor.reading(),
              { feed, readings: readings(), isStreaming: (caller) => streaming.has(caller) },
              clock.now(),
            ),
          ),
        };
      },
      ...(readMetrics && { metrics: readMetrics }),
      flightRecord: () => {
        const recorders = [...accounts.values()].map(({ recorder }) => recorder);
        return flightDownload(recorders, replica, clock);
      },
    };
    if (config.adminListen) {
      const listening = startAdminServer({ ...config.adminListen, ...adminOptions });
      admin = await listening.catch(listenTrouble("OTA_ADMIN_LISTEN"));
    }
    const service = {
      gateways,
      rollouts: new Map([...accounts].map(([name, { rollouts }]) => [name, rollouts])),
      operations: served?.operations,
      audit: operationAudit(auditor),
      callers,
      bearer,
      maxDevices: config.maxDevicesPerRequest,
      clock,
      log,
      defaultDeadlineMs: config.defaultDeadlineMs,
      auditor,
      rpcEnded: metrics.rpcEnded,
      refused: metrics.refused,
      tls: config.tlsCert
        ? { paths: config, clientCertificates: bearer ? ("optional" as const) : ("required" as const) }
        : undefined,
    };
    grpc = await startGrpcServer(config.listen.host, config.listen.port, service).catch(listenTrouble("OTA_LISTEN"));
    streamingCallers = grpc.streamingCallers;
    const certificateLeftMs = () => {
      const endsWallMs = grpc.certificateEndsWallMs();
      return endsWallMs === undefined ? undefined : endsWallMs - clock.wallNow();
    };
    unwatch.push(
      metrics.watchSecurity({
        auditLog: () => auditLog?.state(),
        certificateLeftMs,
        keysAgeMs: access.keysAgeMs,
      }),
    );
  } catch (error) {
    await admin?.close();
    await end();
    await auditLog?.close();
    throw error;
  }

  const addresses = {
    grpc: addressOf(config.listen, grpc.port),
    admin: config.adminListen && admin && addressOf(config.adminListen, admin.port),
  };
  logStart(log, { version, ...addresses }, config, environment);
  return {
    ...addresses,
    reload() {
      auditLog?.reopen();
      grpc.reload();
      access.reload();
      metrics.name(callers.names());
    },
    async stop() {
      readiness.drain();
      grpc.stopServing();
      const left = served?.operations.leave(); // first, so that the gateways do not wait for whole windows
      await Promise.all([...accounts.values()].map(({ gateway }) => gateway.drain(config.drainTimeoutMs)));
      await Promise.race([left, sleepUntil(clock, clock.now() + LAST_CALLS_MS)]);
      await grpc.close(LAST_WORDS_MS);
      await auditLog?.close();
      await Promise.race([end(), sleepUntil(clock, clock.now() + LAST_CALLS_MS)]);
      await admin?.close();
    },
  };
}

/** Loads the Redis client on demand, because a single gateway starts faster without it. */
async function connect({ redisUrls }: Config, log: Log): Promise<StoreConnection | undefined> {
  if (redisUrls.length === 0) return undefined;
  const { connectStore } = await import("../limiter/shared/redis.js");
  return connectStore(redisUrls, log);
}

function watched(accounts: ReadonlyMap<string, Account>, { maxQueuedDevices }: Config) {
  return new Map(
    [...accounts].map(([name, { gateway }]) => [name, { maxQueuedDevices, standing: () => gateway.monitor.reading() }]),
  );
}

function readyAccount({ gateway, limiter }: Account): ReadyAccount {
  return {
    condition: () => gateway.monitor.condition(),
    calls: () => gateway.monitor.calls,
    mode: () => limiter.state().mode,
  };
}

/** For /readyz, which is open to everybody: names no caller. */
function conditionsOf(accounts: ReadonlyMap<string, Account>) {
  return Object.fromEntries(
    [...accounts].map(([name, { gateway, limiter }]) => {
      const { kind, obstacle } = gateway.monitor.condition();
      const { cause } = limiter.state();
      return [name, { state: kind, ...(obstacle && { obstacle }), ...(cause !== undefined && { cause }) }];
    }),
  );
}

function addressOf({ host }: HostPort, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
