// One rollout that is stopped: 50 callers cancel all its devices, through the gateway or through a
// peer. Counts by the emulator, relative to the ideal and to the quota.
import type { Stats } from "../src/emulator/server.js";
import { SEEDED_NAME_LENGTH, seededName } from "../src/emulator/state/seeded-name.js";
import type { Variables } from "../test/support/processes.js";
import type { RedisServer } from "../test/support/redis.js";
import { cancelEach } from "./crowd.js";
import { CALLS_PER_SECOND, DEVICES_PER_CALL } from "./peers/peer.js";
import { factsOf, type PeerName } from "./peers/peers.js";
import { runServices, startGateway, startUpstream } from "./processes.js";

const CALLERS = 50;

export const US = "ota-gateway";

export interface Run {
  readonly who: string;
  readonly devices: number;
  /** From the first arrival to the last. */
  readonly spanMs: number;
  readonly meanAnswerMs: number;
  /**
   * The shortest time with full calls whose tokens are out until one second after the answer.
   * Meaningless below a few hundred devices.
   */
  readonly idealMs: number;
  /** Devices canceled, of the 2,000 a second that the quota allows; 1 is the whole quota. */
  readonly shareOfQuota: number;
  /**
   * Computed rather than measured, which would take hours: the time of one device in each call at
   * the full quota.
   */
  readonly isComputed: boolean;
  readonly calls: number;
  readonly refused: number;
  readonly worstSecond: number;
  readonly canceled: number;
  /** Devices whose callers were answered that they failed, or not answered in time. */
  readonly failed: number;
  /** For peers: the wait of a device that arrives when all have begun. */
  readonly bystanderMs: number;
}

export interface RunOptions {
  readonly devices: number;
  /** Flags of the emulator: how long calls travel and take. */
  readonly network: readonly string[];
}

export interface OurOptions extends RunOptions {
  readonly nameLength?: number;
  readonly devicesPerRequest?: number;
}

export async function ourRun(
  { devices, network, nameLength = SEEDED_NAME_LENGTH, devicesPerRequest = 1 }: OurOptions,
  variables: Variables = {},
): Promise<Run> {
  const upstream = await startUpstream(...network, "--devices", String(devices), "--name-length", String(nameLength));
  const gateway = await startGateway(upstream, variables);
  const names = Array.from({ length: devices }, (_, n) => seededName(n, nameLength));
  const answers = await cancelEach(gateway, names, devicesPerRequest);
  const counts = await upstream.counts();
  await gateway.stop();
  upstream.stop();
  const failed = answers.filter((answer) => !answer?.success).length * devicesPerRequest;
  return runOf(US, devices, counts, failed, Number.NaN);
}

export async function peerRun(
  peer: PeerName,
  { devices, network }: RunOptions,
  redis: RedisServer | undefined,
): Promise<Run> {
  const upstream = await startUpstream(...network, "--devices", String(devices + 1));
  const [told] = await runServices([
    {
      peer,
      url: upstream.url.origin,
      redisUrl: redis?.url ?? "",
      isShared: false,
      callers: CALLERS,
      indexes: Array.from({ length: devices }, (_, n) => n),
      bystander: devices,
      withinMs: 120_000,
    },
  ]);
  const counts = await upstream.counts();
  upstream.stop();
  const { accepted = 0, bystanderMs } = told ?? {};
  return runOf(factsOf(peer).title, devices, counts, devices - accepted, bystanderMs ?? Number.NaN);
}

/**
 * The same run with more devices, one in each call: the least time, and the wait behind them in
 * order of arrival.
 */
export function computedFrom(run: Run, devices: number): Run {
  const spanMs = ((devices - 1) * 1000) / CALLS_PER_SECOND;
  const idealMs = idealOf(devices, run.meanAnswerMs);
  const all = { calls: devices, canceled: devices, shareOfQuota: 1 / DEVICES_PER_CALL };
  return { ...run, devices, spanMs, bystanderMs: spanMs, idealMs, isComputed: true, ...all };
}

function runOf(who: string, devices: number, counts: Stats, failed: number, bystanderMs: number): Run {
  const { arrivals, worstSecond, spanMs, meanAnswerMs, devicesCanceled: canceled } = counts;
  const refused = Object.values(counts.refused).reduce((sum, each) => sum + each, 0);
  const idealMs = idealOf(devices, meanAnswerMs);
  const counted = { calls: arrivals, refused, worstSecond, canceled, failed };
  const shareOfQuota = shareOf(counts);
  return { who, devices, spanMs, meanAnswerMs, idealMs, shareOfQuota, isComputed: false, ...counted, bystanderMs };
}

/** The time with full calls, and each token used again as soon as its second is over. */
function idealOf(devices: number, meanAnswerMs: number): number {
  return ((devices / DEVICES_PER_CALL - 1) * (1000 + meanAnswerMs)) / CALLS_PER_SECOND;
}

/** The first call begins the time that the others are counted in, so its devices are left out. */
function shareOf({ devicesCanceled, succeeded, spanMs }: Stats): number {
  const devices = devicesCanceled * (1 - 1 / succeeded);
  return (devices * 1000) / spanMs / (CALLS_PER_SECOND * DEVICES_PER_CALL);
}
