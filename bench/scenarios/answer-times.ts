// The share of the quota that a rollout gets, by how long the upstream takes to answer: the gateway
// with both settings of OTA_QUOTA_COUNTED, and the peers.
import { provide } from "../../test/support/debian.js";
import { startRedis } from "../../test/support/redis.js";
import type { Goal, Measured } from "../goal.js";
import { CALLS_PER_SECOND, DEVICES_PER_CALL } from "../peers/peer.js";
import { factsOf, PEER_NAMES } from "../peers/peers.js";
import { ourRun, peerRun, type Run } from "../rollout-run.js";

/** From a call's departure to its answer, on average. */
const ANSWER_TIMES_MS = [5, 50, 100, 250];

/**
 * The part of the answer time that a call and its answer travel, at most; the rest is work on the
 * call.
 */
const TRAVEL_MS = 20;

const DEVICES = 100_000;

/**
 * Large requests take little processor time, so that the figures are those of the quota and not of
 * the machine; rollout has one device in each.
 */
const DEVICES_PER_REQUEST = 100;

/** For peers, which learn nothing: those that fill calls, and those with one device a call. */
const PEER_DEVICES = 20_000;
const FEW_DEVICES = 200;

/** Where the gateway assumes that a call is counted; the emulator counts it there. */
const COUNTED = ["answered", "arrived"] as const;

/** Of what each setting allows: a token is out for a second and, by `answered`, the answer time. */
const LEAST = 0.97;

/** With `arrived`, tokens return earlier once the way has been measured for nine seconds. */
const LEARNING_MS = 12_000;

export interface Timed extends Run {
  readonly answerMs: number;
  /** Undefined for peers, for which it makes no difference. */
  readonly counted?: (typeof COUNTED)[number];
}

export interface AnswerTimesFigures {
  readonly runs: readonly Timed[];
}

export async function answerTimes(): Promise<Measured<AnswerTimesFigures>> {
  const redis = provide("redis") ? await startRedis() : undefined;
  const names = PEER_NAMES.filter((name) => redis || !factsOf(name).needsRedis);
  const runs: Timed[] = [];
  for (const answerMs of ANSWER_TIMES_MS) {
    const network = networkOf(answerMs);
    const ours = COUNTED.map(async (counted) => {
      const options = { devices: DEVICES, network: [...network, "--counted", counted] };
      const asked = { ...options, devicesPerRequest: DEVICES_PER_REQUEST };
      return { ...(await ourRun(asked, { OTA_QUOTA_COUNTED: counted })), answerMs, counted };
    });
    const peers = names.map(async (name) => {
      const devices = factsOf(name).fillsCalls ? PEER_DEVICES : FEW_DEVICES;
      return { ...(await peerRun(name, { devices, network }, redis)), answerMs };
    });
    // At the same time, each with an upstream of its own.
    runs.push(...(await Promise.all<Timed>([...ours, ...peers])));
    redis?.command("flushall");
  }
  await redis?.kill();
  return { goals: runs.flatMap(goalsOf), figures: { runs } };
}

function networkOf(answerMs: number): string[] {
  const travelMs = Math.min(answerMs, TRAVEL_MS);
  const flags = {
    "--latency-ms": travelMs,
    "--jitter-ms": Math.floor(travelMs / 2),
    "--processing-ms": answerMs - travelMs,
  };
  return Object.entries(flags).flatMap(([flag, ms]) => [flag, String(ms)]);
}

function goalsOf({ who, answerMs, counted, ...run }: Timed): Goal[] {
  const name = `answers of ${answerMs} ms, ${counted ? `${who}, ${counted}` : who}`;
  const share = { name: `${name}: share of the quota`, value: run.shareOfQuota };
  const worst = { name: `${name}: most arrivals in a second`, value: run.worstSecond };
  const refused = { name: `${name}: calls refused`, value: run.refused };
  if (!counted) return [share, worst, refused];
  return [
    { ...share, least: LEAST * (counted === "arrived" ? allowedByArrival(answerMs) : allowed(answerMs)) },
    { ...worst, most: CALLS_PER_SECOND },
    { ...refused, most: 0 },
    { name: `${name}: devices canceled`, value: run.canceled, least: run.devices },
  ];
}

/** The share of the quota if a token is out for so much longer than a second. */
function allowed(longerMs: number): number {
  return 1000 / (1000 + longerMs);
}

/** The same for a whole rollout that learns at its beginning how much earlier tokens may return. */
function allowedByArrival(answerMs: number): number {
  const wholeMs = (DEVICES * 1000) / (CALLS_PER_SECOND * DEVICES_PER_CALL);
  const meanwhileMs = LEARNING_MS * allowed(answerMs);
  return wholeMs / (LEARNING_MS + (wholeMs - meanwhileMs) / allowed(Math.min(answerMs, TRAVEL_MS)));
}
