// The gateway, put together: settings in, listening ports out, and the order in which it all ends.
import { pino } from "pino";
import pretty from "pino-pretty";
import { type AdminServer, startAdminServer } from "./admin.js";
import { sleepUntil, systemClock } from "./clock.js";
import type { Address, Config, Environment } from "./config.js";
import { Gateway } from "./gateway/gateway.js";
import { DEFAULT_ACCOUNT } from "./grpc/request.js";
import { type GrpcServer, startGrpcServer } from "./grpc/server.js";
import { createInProcessLedger } from "./limiter/in-process.js";
import type { Log } from "./log.js";
import { createUpstream } from "./upstream/client.js";
import { createCredentials } from "./upstream/credentials.js";

/** A gateway that is listening. */
export interface Serving {
  /** host:port of the gRPC server. */
  readonly grpc: string;
  /** host:port of the admin server. */
  readonly admin: string;
  /** Ends gracefully: refuses new requests, answers those it has, and closes everything. */
  stop(): Promise<void>;
}

/** Left to grpc-js, after every rpc has been answered, to get the answers out. */
const LAST_WORDS_MS = 1000;

/** Left to calls whose callers have been answered already, to be logged and traced when they end. */
const LAST_CALLS_MS = 1000;

/** In whose name callers have credit while any of them can take any name. */
const UNPROVEN = "";

/**
 * Starts everything, or throws and leaves nothing running. Throws NoCredentials if there are none:
 * `environment` is where they are looked for first.
 */
export async function serve(config: Config, log: Log, environment: Environment): Promise<Serving> {
  const clock = systemClock;
  const credentials = createCredentials({ clock, env: environment });
  await credentials.get();
  const timeoutMs = config.upstreamTimeoutMs;
  const { upstreamUrl: url, upstreamMaxUrlBytes: maxUrlBytes } = config;
  const upstream = createUpstream({ url, timeoutMs, maxUrlBytes, credentials, clock });
  const { callsPerSecond } = config;
  const limiter = createInProcessLedger({ clock, callsPerSecond, callTimeoutMs: timeoutMs });
  const bounds = { queuedDevices: config.maxQueuedDevices, queuedDevicesPerCaller: config.maxQueuedDevicesPerCaller };
  const callers = {
    weightOf: (caller: string) => config.callers.get(caller)?.weight ?? 1,
    creditNameOf: () => UNPROVEN, // nobody proves who they are yet
  };
  const gateway = new Gateway({ clock, limiter, upstream, log, callers, random: Math.random, bounds });
  const end = async () => {
    await gateway.close();
    await upstream.close();
  };

  let draining = false;
  const readiness = () => (draining ? "draining" : limiter.state().mode === "opening" ? "opening" : "ok");
  let admin: AdminServer | undefined;
  let grpc: GrpcServer;
  try {
    admin = await startAdminServer(config.adminListen.host, config.adminListen.port, readiness);
    const limits = { maxDevices: config.maxDevicesPerRequest, accounts: new Set([DEFAULT_ACCOUNT]) };
    const service = { gateway, limits, clock, log, defaultDeadlineMs: config.defaultDeadlineMs };
    grpc = await startGrpcServer(config.listen.host, config.listen.port, service);
  } catch (error) {
    await admin?.close();
    await end();
    throw error;
  }

  return {
    grpc: addressOf(config.listen, grpc.port),
    admin: addressOf(config.adminListen, admin.port),
    async stop() {
      draining = true;
      grpc.stopServing();
      await gateway.drain(config.drainTimeoutMs);
      await grpc.close(LAST_WORDS_MS);
      await Promise.race([end(), sleepUntil(clock, clock.now() + LAST_CALLS_MS)]);
      await admin.close();
    },
  };
}

/** The log of a running gateway: JSON lines on stderr, readable ones if that is a terminal. */
export function createLog(level: Config["logLevel"]): Log {
  if (process.stderr.isTTY) return pino({ level }, pretty({ destination: 2, sync: true, ignore: "pid,hostname" }));
  return pino({ level }, pino.destination({ fd: 2, sync: true }));
}

function addressOf({ host }: Address, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
