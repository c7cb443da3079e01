// Opens everything behind one account: its keys, its connections to the upstream, its ledger and
// its dispatcher. Accounts share nothing but the process, so that a slow account does not affect
// another.
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { Config, Environment } from "../config/config.js";
import type { AccountSettings } from "../config/file.js";
import type { CallObserver, SentCall } from "../gateway/call-observer.js";
import { Gateway } from "../gateway/gateway.js";
import type { Limiter } from "../gateway/limiter.js";
import type { CallerBook } from "../identity/caller-book.js";
import { RoundTrips } from "../limiter/round-trips.js";
import type { Store } from "../limiter/shared/store.js";
import { MARGIN_MS } from "../limiter/token-rule.js";
import { proxyFor } from "../network/proxy.js";
import { CallFeed } from "../observe/admin/call-feed.js";
import type { ReadingSnapshot } from "../observe/admin/snapshot.js";
import { FlightRecorder } from "../observe/recorder/recorder.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import type { StopAccount } from "../operations/stop/stop-run.js";
import { RolloutReader } from "../rollout/rollout-reader.js";
import { createUpstream, type UpstreamClient } from "../upstream/client.js";
import { createCredentials, fileCredentials, prefixedCredentials } from "../upstream/credentials.js";
import { type CredentialsSource, NoCredentials } from "../upstream/credentials-source.js";
import { openBatchCalls } from "./batch-calls.js";
import { openLazyLedger, openLedger } from "./ledgers.js";
import { openReadings } from "./readings.js";
import { keepTrying } from "./upstream-trial.js";

/** After this long without a canceling call, a harmless one may show whether calls can be made. */
const QUIET_MS = 10_000;

/** The name under which callers have credit while any caller can claim any name. */
const UNPROVEN = "";

/** An account that is served. */
export interface Account {
  readonly gateway: Gateway;
  readonly limiter: Limiter;
  readonly recorder: FlightRecorder;
  readonly feed: CallFeed;
  readonly rollouts: RolloutReader;
  readonly stops: StopAccount;
  /** The operations that read, and those on whole batches, for the page. */
  readings(): readonly ReadingSnapshot[];
  /** After its gateway has drained: waits for the calls under way and lets go of everything. */
  close(): Promise<void>;
}

export interface AccountOptions {
  readonly name: string;
  readonly settings: AccountSettings;
  readonly config: Config;
  readonly environment: Environment;
  readonly clock: Clock;
  readonly log: Log;
  readonly callers: CallerBook;
  /** Whether callers have proved who they are. */
  readonly proven: boolean;
  readonly metrics: Metrics;
  /** Where ledgers are, by name; undefined for ledgers in this process. */
  readonly storeOf: ((name: string) => Store) | undefined;
  /** The name of this process among those that share the ledger. */
  readonly replica: string;
}

/** Throws NoCredentials if there are none; nothing is left running then. */
export async function openAccount(options: AccountOptions): Promise<Account> {
  const { name, settings, config, clock, log } = options;
  const credentials = credentialsFor(options);
  await credentials.get().catch((error: unknown) => {
    throw error instanceof NoCredentials ? new NoCredentials(`account ${name}: ${error.message}`) : error;
  });
  const proxy = proxyFor(settings.url, options.environment);
  if (proxy) log.info({ account: name, proxy: proxy.host }, "upstream calls go through a proxy");
  const { upstreamTimeoutMs: timeoutMs, upstreamMaxUrlBytes: maxUrlBytes } = config;
  const upstream = createUpstream({ url: settings.url, timeoutMs, maxUrlBytes, credentials, clock, proxy });
  const measured = { ...options, roundTrips: roundTripsFor(options, upstream, proxy !== undefined) };
  const limiter = await openLedger(measured);
  const bounds = {
    queuedDevices: config.maxQueuedDevices,
    queuedDevicesPerCaller: config.maxQueuedDevicesPerCaller,
    queuedDevicesOf: (caller: string) => options.callers.rightsOf(caller)?.maxQueuedDevices,
  };
  const recorder = new FlightRecorder({
    clock,
    account: name,
    replica: options.replica,
    ledger: options.storeOf ? "shared" : "in-process",
    replicas: () => limiter.state().replicas,
    callsPerSecond: settings.callsPerSecond,
    callTimeoutMs: timeoutMs,
    marginMs: MARGIN_MS,
  });
  const feed = new CallFeed();
  const metrics = options.metrics.account(name);
  const observers = [recording(recorder), feed, metrics];
  const callers = {
    weightOf: (caller: string) => options.callers.weightOf(caller),
    creditNameOf: (caller: string) => (options.proven ? caller : UNPROVEN),
  };
  const ports = { clock, limiter, upstream, log, callers, random: Math.random, observers };
  const about = { account: name, clock, log, upstream, metrics: options.metrics };
  const { verifier, deviceReadings, tasksOfJob, snapshots } = await openReadings({
    ...about,
    mostWithoutJob: config.verifyMaxDevicesWithoutJob,
    ledgerOf: (operation) => openLedger(measured, operation),
  });
  const batches = await openBatchCalls({
    ...{ ...about, tasksOfJob },
    ledgerOf: (operation) => openLazyLedger(measured, operation),
  });
  const gateway = new Gateway({
    account: name,
    ...ports,
    bounds,
    verifier,
    deviceReadings,
    answered: metrics.answered,
  });
  const stopTrying = config.startupCheck
    ? keepTrying({
        ...deviceReadings.states,
        ...{ account: name, clock, log, endpoint: settings.url.host },
        // Cancels show more than a reading, so as long as there are any, nothing is tried.
        isDue: () => !gateway.monitor.calls.isProven && clock.now() - gateway.monitor.calls.sentMs > QUIET_MS,
        tried: (end) => gateway.monitor.tried(end),
      })
    : async () => {};
  return {
    gateway,
    limiter,
    recorder,
    feed,
    stops: { calls: batches.calls, callTimeoutMs: timeoutMs },
    rollouts: new RolloutReader({ clock, calls: batches.calls }),
    readings: () => [...snapshots(), ...batches.snapshots()],
    close: async () => {
      await stopTrying();
      await batches.close();
      await gateway.close();
      await upstream.close();
    },
  };
}

function recording(recorder: FlightRecorder): CallObserver {
  const open = new Map<SentCall, ReturnType<FlightRecorder["sent"]>>();
  return {
    sent: (call) => void open.set(call, recorder.sent(call.sentMs, call.devices)),
    ended(call, { endedMs, kind, throttled, requestId, hiddenMs }) {
      open.get(call)?.ended(endedMs, throttled ? "throttled" : kind, requestId, hiddenMs);
      open.delete(call);
    },
  };
}

/** Undefined if tokens are not to return early. A proxy may answer in place of the upstream. */
function roundTripsFor(
  { name, settings, clock, log }: AccountOptions,
  upstream: UpstreamClient,
  hasProxy: boolean,
): RoundTrips | undefined {
  if (settings.counted !== "arrived") return undefined;
  if (!hasProxy) return new RoundTrips({ clock, measure: () => upstream.roundTrip() });
  log.warn({ account: name }, "OTA_QUOTA_COUNTED=arrived has no effect, because upstream calls go through a proxy");
  return undefined;
}

function credentialsFor({ settings: { credentials }, clock, environment }: AccountOptions): CredentialsSource {
  switch (credentials.kind) {
    case "own":
      return createCredentials({ clock, env: environment });
    case "env":
      return prefixedCredentials(environment, credentials.prefix);
    case "files":
      return fileCredentials(credentials.directory);
  }
}
