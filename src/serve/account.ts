// Opens everything behind one account: its keys, its connections to the upstream, its ledger and
// its dispatcher. Accounts share nothing but the process, so that a slow account does not affect
// another.
import type { Clock } from "../base/clock.js";
import { type Log, withFields } from "../base/log.js";
import type { Config, Environment } from "../config/config.js";
import type { AccountSettings } from "../config/file.js";
import type { CallObserver, SentCall } from "../gateway/call-observer.js";
import type { DeviceReader } from "../gateway/device-reader.js";
import type { DeviceReadings } from "../gateway/existence/device-reads.js";
import { Gateway } from "../gateway/gateway.js";
import type { Limiter } from "../gateway/limiter.js";
import type { TaskReader } from "../gateway/task-reader.js";
import type { CallerBook } from "../identity/caller-book.js";
import { createInProcessLedger } from "../limiter/in-process.js";
import type { Store } from "../limiter/shared/store.js";
import { MARGIN_MS } from "../limiter/token-rule.js";
import { CallFeed } from "../observe/admin/call-feed.js";
import { FlightRecorder } from "../observe/recorder/recorder.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import type { UpstreamOperation } from "../observe/telemetry/spans.js";
import { createUpstream, type UpstreamClient } from "../upstream/client.js";
import { createCredentials, fileCredentials, prefixedCredentials } from "../upstream/credentials.js";
import { type CredentialsSource, NoCredentials } from "../upstream/credentials-source.js";
import { ReadLoop } from "../verification/read-loop.js";
import { Verification } from "../verification/verification.js";

/** Documented for each of the two operations that read tasks, */
const READS_PER_SECOND = 10;
/** and for those that read devices. */
const DETAILS_PER_SECOND = 5;
const STATES_PER_SECOND = 50;

/** The name under which callers have credit while any caller can claim any name. */
const UNPROVEN = "";

/** An account that is served. */
export interface Account {
  readonly gateway: Gateway;
  readonly limiter: Limiter;
  readonly recorder: FlightRecorder;
  /**
   * Stops the account, once its gateway has drained: waits for the calls under way, then releases
   * everything.
   */
  readonly feed: CallFeed;
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
  const { upstreamTimeoutMs: timeoutMs, upstreamMaxUrlBytes: maxUrlBytes } = config;
  const upstream = createUpstream({ url: settings.url, timeoutMs, maxUrlBytes, credentials, clock });
  const limiter = await ledgerFor(options, name, settings.callsPerSecond);
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
  const verifier = await verifierFor(options, upstream);
  const deviceReadings = await deviceReadingsFor(options, upstream);
  const gateway = new Gateway({
    account: name,
    ...ports,
    bounds,
    verifier,
    deviceReadings,
    answered: metrics.answered,
  });
  return {
    gateway,
    limiter,
    recorder,
    feed,
    close: async () => {
      await gateway.close();
      await upstream.close();
    },
  };
}

function recording(recorder: FlightRecorder): CallObserver {
  const open = new Map<SentCall, ReturnType<FlightRecorder["sent"]>>();
  return {
    sent: (call) => void open.set(call, recorder.sent(call.sentMs, call.devices)),
    ended(call, { endedMs, kind, throttled, requestId }) {
      open.get(call)?.ended(endedMs, throttled ? "throttled" : kind, requestId);
      open.delete(call);
    },
  };
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

/** Each reading operation has a quota of its own at the upstream, and so a ledger of its own. */
async function verifierFor(
  options: AccountOptions,
  { tasksOfJob, unfinishedTasks }: UpstreamClient,
): Promise<Verification> {
  const { name: account, config, clock, log, metrics } = options;
  const loopOf = async (operation: UpstreamOperation, reader: TaskReader) => {
    const limiter = await ledgerFor(options, `${account}:${operation}`, READS_PER_SECOND);
    return new ReadLoop({
      account,
      operation,
      clock,
      log,
      limiter,
      reader,
      observers: [metrics.reads(account, operation)],
    });
  };
  return new Verification({
    clock,
    tasksOfJob: await loopOf("ListOTATaskByJob", tasksOfJob),
    unfinishedTasks: await loopOf("ListOTAUnfinishedTaskByDevice", unfinishedTasks),
    mostWithoutJob: config.verifyMaxDevicesWithoutJob,
  });
}

/** The same holds for those that read devices. */
async function deviceReadingsFor(
  options: AccountOptions,
  { deviceDetails, deviceStates }: UpstreamClient,
): Promise<DeviceReadings> {
  const { name: account, metrics } = options;
  const readingOf = async (operation: UpstreamOperation, reader: DeviceReader, callsPerSecond: number) => ({
    operation,
    reader,
    limiter: await ledgerFor(options, `${account}:${operation}`, callsPerSecond),
    observers: [metrics.reads(account, operation)],
  });
  return {
    details: await readingOf("BatchQueryDeviceDetail", deviceDetails, DETAILS_PER_SECOND),
    states: await readingOf("BatchGetDeviceState", deviceStates, STATES_PER_SECOND),
  };
}

/** `name` is the account's name. For a reading operation it has a colon, as no account name has. */
async function ledgerFor(options: AccountOptions, name: string, callsPerSecond: number): Promise<Limiter> {
  const { config, clock, log, storeOf, replica } = options;
  const { upstreamTimeoutMs: callTimeoutMs, onStoreLoss } = config;
  if (!storeOf) return createInProcessLedger({ clock, callsPerSecond, callTimeoutMs });
  const { createSharedLedger } = await import("../limiter/shared/ledger.js");
  const rest = { log: withFields(log, { account: name }), replica, callsPerSecond, callTimeoutMs, onStoreLoss };
  return createSharedLedger({ clock, store: storeOf(name), ...rest });
}
