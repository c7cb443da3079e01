// Opens everything behind one account: its keys, its connections to the upstream, its ledger and
// its dispatcher. Accounts share nothing but the process, so that a slow account does not affect
// another.
import type { Clock } from "../base/clock.js";
import { type Log, withFields } from "../base/log.js";
import type { Config, Environment } from "../config/config.js";
import type { AccountSettings } from "../config/file.js";
import { OPERATION_QUOTAS, type QuotaOperation } from "../config/operation-quotas.js";
import type { CallObserver, SentCall } from "../gateway/call-observer.js";
import type { DeviceReader } from "../gateway/device-reader.js";
import type { DeviceReadings } from "../gateway/existence/device-reads.js";
import { Gateway } from "../gateway/gateway.js";
import type { Limiter } from "../gateway/limiter.js";
import type { TaskReader } from "../gateway/task-reader.js";
import type { CallerBook } from "../identity/caller-book.js";
import { createInProcessLedger } from "../limiter/in-process.js";
import { createLazyLedger } from "../limiter/lazy.js";
import type { Store } from "../limiter/shared/store.js";
import { MARGIN_MS } from "../limiter/token-rule.js";
import { proxyFor } from "../network/proxy.js";
import { CallFeed } from "../observe/admin/call-feed.js";
import { FlightRecorder } from "../observe/recorder/recorder.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import type { UpstreamOperation } from "../observe/telemetry/spans.js";
import { JobCalls } from "../rollout/job-calls.js";
import { RolloutReader } from "../rollout/rollout-reader.js";
import { createUpstream, type UpstreamClient } from "../upstream/client.js";
import { createCredentials, fileCredentials, prefixedCredentials } from "../upstream/credentials.js";
import { type CredentialsSource, NoCredentials } from "../upstream/credentials-source.js";
import { ReadLoop } from "../verification/read-loop.js";
import { Verification } from "../verification/verification.js";

/** A shared ledger of an operation on batches is closed after this time without calls. */
const QUIET_MS = 30_000;

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
  readonly rollouts: RolloutReader;
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
  const limiter = await ledgerFor(options);
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
  const tasksOfJobLimiter = await ledgerFor(options, "ListOTATaskByJob");
  const { jobs, closeJobs } = await jobsFor(options, upstream, tasksOfJobLimiter);
  const verifier = await verifierFor(options, upstream, tasksOfJobLimiter);
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
    rollouts: new RolloutReader({ clock, calls: jobs }),
    close: async () => {
      await closeJobs();
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
  tasksOfJobLimiter: Limiter,
): Promise<Verification> {
  const { name: account, config, clock, log, metrics } = options;
  const loopOf = (operation: UpstreamOperation, reader: TaskReader, limiter: Limiter) => {
    const observers = [metrics.reads(account, operation)];
    return new ReadLoop({ account, operation, clock, log, limiter, reader, observers });
  };
  return new Verification({
    clock,
    tasksOfJob: loopOf("ListOTATaskByJob", tasksOfJob, tasksOfJobLimiter),
    unfinishedTasks: loopOf(
      "ListOTAUnfinishedTaskByDevice",
      unfinishedTasks,
      await ledgerFor(options, "ListOTAUnfinishedTaskByDevice"),
    ),
    mostWithoutJob: config.verifyMaxDevicesWithoutJob,
  });
}

/** The same holds for those that read devices. */
async function deviceReadingsFor(
  options: AccountOptions,
  { deviceDetails, deviceStates }: UpstreamClient,
): Promise<DeviceReadings> {
  const { name: account, metrics } = options;
  const readingOf = async (operation: QuotaOperation, reader: DeviceReader) => ({
    operation,
    reader,
    limiter: await ledgerFor(options, operation),
    observers: [metrics.reads(account, operation)],
  });
  return {
    details: await readingOf("BatchQueryDeviceDetail", deviceDetails),
    states: await readingOf("BatchGetDeviceState", deviceStates),
  };
}

/** The calls on whole batches. `closeJobs` closes their ledgers too, except the one passed in. */
async function jobsFor(
  options: AccountOptions,
  { jobs: operator }: UpstreamClient,
  tasksOfJobLimiter: Limiter,
): Promise<{ readonly jobs: JobCalls; readonly closeJobs: () => Promise<void> }> {
  const { name: account, clock, log, metrics } = options;
  const ledgers = {
    ListOTAJobByFirmware: await lazyLedgerFor(options, "ListOTAJobByFirmware"),
    QueryOTAJob: await lazyLedgerFor(options, "QueryOTAJob"),
    CancelOTAStrategyByJob: await lazyLedgerFor(options, "CancelOTAStrategyByJob"),
    CancelOTATaskByJob: await lazyLedgerFor(options, "CancelOTATaskByJob"),
  };
  const jobs = new JobCalls({
    ...{ account, clock, log, operator },
    limiters: { ...ledgers, ListOTATaskByJob: tasksOfJobLimiter },
    observersOf: (operation) => [
      operation.startsWith("Cancel") ? metrics.jobCalls(account, operation) : metrics.reads(account, operation),
    ],
  });
  const closeJobs = async () => {
    await jobs.close();
    await Promise.all(Object.values(ledgers).map((ledger) => ledger.close()));
  };
  return { jobs, closeJobs };
}

/** Creates the ledgers of one operation. Without it, of CancelOTATaskByDevice. */
async function ledgersOf(options: AccountOptions, operation?: QuotaOperation) {
  const { name: account, settings, config, clock, log, storeOf, replica } = options;
  const { upstreamTimeoutMs: callTimeoutMs, onStoreLoss } = config;
  // A colon is in no account's name.
  const name = operation ? `${account}:${operation}` : account;
  const callsPerSecond = operation
    ? (settings.quotas?.[operation] ?? OPERATION_QUOTAS[operation])
    : settings.callsPerSecond;
  const common = { clock, callsPerSecond, callTimeoutMs };
  const sinceMs = clock.now();
  if (!storeOf) return { callsPerSecond, open: () => createInProcessLedger({ ...common, sinceMs }) };
  const { createSharedLedger } = await import("../limiter/shared/ledger.js");
  const shared = { ...common, store: storeOf(name), log: withFields(log, { account: name }), onStoreLoss };
  let opened = 0;
  // Each ledger names its tokens from 1, so that it needs a name of its own.
  const nameOf = (nth: number) => (nth === 0 ? replica : `${replica}-${nth}`);
  return { callsPerSecond, open: () => createSharedLedger({ ...shared, replica: nameOf(opened++) }) };
}

async function ledgerFor(options: AccountOptions, operation?: QuotaOperation): Promise<Limiter> {
  return (await ledgersOf(options, operation)).open();
}

async function lazyLedgerFor(options: AccountOptions, operation: QuotaOperation): Promise<Limiter> {
  const { clock, storeOf } = options;
  const ledgers = await ledgersOf(options, operation);
  if (!storeOf) return createLazyLedger({ ...ledgers, clock, mode: "in-process", quietMs: undefined });
  const ledger = createLazyLedger({ ...ledgers, clock, mode: "shared", quietMs: QUIET_MS });
  void ledger.greet();
  return ledger;
}
