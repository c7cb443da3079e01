// Describes the state of an account: as a table, or in one line for repeated output.
import { visible } from "../base/visible-text.js";
import type { Quota } from "../client/client.js";
import { count, counted, duration } from "./terminal/figures.js";
import type { Paint } from "./terminal/paint.js";

const LEDGERS: Record<Quota["ledger"], string> = {
  IN_PROCESS: "in this gateway alone",
  SHARED: "shared by all replicas",
  OPENING: "opening: it is new or was lost; nothing is sent until earlier calls no longer count",
  AWAY: "away: the shared store is out of reach; nothing is sent except what OTA_ON_STORE_LOSS=share allows",
  UNSPECIFIED: "unknown",
};

/** Mentions everything that keeps requests waiting. */
export function quotaLine(quota: Quota): string {
  const { account, callsPerSecond, tokensFree, tokensWithheld, expectedWaitMs, pausedUntil, obstacle } = quota;
  const parts = [
    `${visible(account)}: ${tokensFree} of ${callsPerSecond} tokens free`,
    ...withheldOfFree(quota),
    `${counted(quota.waitingDevices, "device")} of ${counted(quota.waitingCallers, "caller")} waiting`,
  ];
  if (expectedWaitMs !== undefined) parts.push(`a new request waits ${duration(expectedWaitMs)}`);
  if (tokensWithheld > tokensFree) parts.push(`${tokensWithheld} withheld in all`);
  if (pausedUntil) parts.push(`paused until ${pausedUntil.toISOString()}`);
  const fallbackUntil = quota.earlyReturn?.fallbackUntil;
  if (fallbackUntil) parts.push(`no token returns early until ${fallbackUntil.toISOString()}`);
  if (quota.ledger === "AWAY" && !obstacle) parts.push("ledger away: this gateway goes on with a share of its own");
  if (obstacle) parts.push(`OBSTACLE: ${visible(obstacle)}`);
  return parts.join(", ");
}

export function quotaText(quota: Quota, paint: Paint): string {
  const { callsPerSecond, tokensFree, tokensInFlight, tokensCooling, tokensWithheld, pausedUntil, ledger } = quota;
  const { obstacle } = quota;
  const isUsable = ledger === "IN_PROCESS" || ledger === "SHARED";
  const withheld = withheldOfFree(quota);
  const free = [`${tokensFree} free`, ...withheld].join(", ");
  const others = `${tokensInFlight} in calls under way, ${tokensCooling} on their way back`;
  const rows = [
    ["account", paint("bold", visible(quota.account))],
    ...(obstacle ? [["obstacle", paint("red", visible(obstacle))]] : []),
    ["quota", `${count(callsPerSecond)} calls a second`],
    ["tokens", `${free}${withheld.length > 0 ? ";" : ","} ${others}`],
    ...(tokensWithheld > 0
      ? [["withheld", paint("yellow", `${tokensWithheld}: the upstream throttled, so another sender uses the account`)]]
      : []),
    ["waiting", `${counted(quota.waitingDevices, "device")} of ${counted(quota.waitingCallers, "caller")}`],
    ["expected wait", waitText(quota)],
    ...(pausedUntil ? [["paused until", paint("yellow", pausedUntil.toISOString())]] : []),
    ...(quota.earlyReturn ? [["counted", countedText(quota.earlyReturn, paint)]] : []),
    ["ledger", isUsable ? LEDGERS[ledger] : paint("yellow", LEDGERS[ledger])],
  ] as const;
  return rows.map(([name, value]) => `${(name ?? "").padEnd(14)} ${value}\n`).join("");
}

function countedText({ hiddenMs, fallbackUntil }: NonNullable<Quota["earlyReturn"]>, paint: Paint): string {
  if (!fallbackUntil) return `on arrival: tokens return ${Math.round(hiddenMs)} ms early`;
  return paint("yellow", `on arrival, not relied on until ${fallbackUntil.toISOString()}: the upstream throttled`);
}

/** The gateway counts withheld tokens among the free ones, so the text says how many they share. */
function withheldOfFree({ tokensFree, tokensWithheld }: Quota): string[] {
  const both = Math.min(tokensFree, tokensWithheld);
  return both > 0 ? [`${both} of these ${both === 1 ? "is" : "are"} withheld`] : [];
}

function waitText({ expectedWaitMs }: Quota): string {
  return expectedWaitMs === undefined ? "unknown: see the obstacle" : `${duration(expectedWaitMs)} for a new request`;
}
