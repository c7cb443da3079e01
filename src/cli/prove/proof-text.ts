// Writes a proof for people and for programs: what was examined, what was found, what that rests
// on, and a plain verdict at the end.
import type { Coverage, PlacedCall, Proof } from "./proof.js";

/** Most calls to list of a second with too many. */
const LISTED_CALLS = 50;

export function holds({ mostArrivals, callsPerSecond }: Proof): boolean {
  return mostArrivals <= callsPerSecond;
}

/** The proof as text. */
export function proofText(proof: Proof): string {
  const { account, callsPerSecond, coverage, mostArrivals, worst, widened } = proof;
  const since = worst ? `, first in the second from ${dateOf(worst.fromWallMs)}` : "";
  const rows: [string, string][] = [
    ["account", `${account}, ${callsPerSecond} calls a second allowed`],
    ...coverage.map((each): [string, string] => ["recorded", coverageText(each)]),
    ["calls", callsText(proof)],
    ["most arrivals", `${mostArrivals} in any one second${since}`],
  ];
  if (widened.clockErrorMs > 0) {
    rows.push(["", `at most ${widened.mostArrivals} if every time is wrong by up to ${widened.clockErrorMs} ms`]);
  }
  const table = rows.map(([name, text]) => `${name.padEnd(15)}${text}\n`).join("");
  const notes = notesOf(proof).map((note) => `Note: ${note}\n`);
  const text = [table, ...notes, ...(holds(proof) ? [] : suspects(worst?.calls ?? [])), verdict(proof)].join("");
  return text.replace(/[^\P{C}\n]/gu, "?"); // a file may hold control sequences for terminals
}

/** The proof as JSON; dates are RFC 3339. */
export function proofJson(proof: Proof): object {
  const { account, callsPerSecond, coverage, clocks, replicas, calls, mostArrivals, worst, widened } = proof;
  return {
    account,
    callsPerSecond,
    recorded: coverage.map(({ file, replica, fromWallMs, toWallMs, calls: count }) => {
      return { file, replica, from: dateOf(fromWallMs), to: dateOf(toWallMs), calls: count };
    }),
    clocks,
    replicas: replicas ?? null,
    calls,
    mostArrivals,
    second: worst ? dateOf(worst.fromWallMs) : null,
    widened,
    notes: notesOf(proof),
    holds: holds(proof),
  };
}

function coverageText({ file, replica, fromWallMs, toWallMs, calls }: Coverage): string {
  return `${dateOf(fromWallMs)} to ${dateOf(toWallMs)}, ${calls} calls of ${replica} (${file})`;
}

function callsText({ calls }: Proof): string {
  const all = Object.values(calls).reduce((sum, count) => sum + count, 0);
  return (
    `${all}: ${calls.accepted} accepted, ${calls.refused} refused, ${calls.throttled} refused for rate, ` +
    `${calls.lost} lost, ${calls["in-flight"]} in flight, ${calls.unwritten} never written`
  );
}

/** The assumptions behind the result, besides the files themselves. */
function notesOf(proof: Proof): string[] {
  const { calls, clocks, widened, coverage, isShared, replicas, arrivedEarly } = proof;
  const notes = ["the verdict covers the calls in the files, not those of other gateways and senders"];
  if (isPartial(proof)) {
    const known = `the ledger was shared by ${replicas} replicas, but the files are from ${clocks}`;
    notes.push(`${known}; give a file from each to prove it for all`);
  } else if (isShared && replicas === undefined) {
    notes.push("the ledger was shared; give a file from each replica to prove it for all");
  }
  if (clocks > 1) {
    const bound = widened.clockErrorMs > 0 ? "" : "; --clock-error-ms shows the effect of an error";
    notes.push(`the verdict assumes that the wall clocks of ${clocks} processes agree${bound}`);
  }
  if (arrivedEarly > 0) {
    notes.push(`the verdict assumes that the upstream counts calls when they arrive (OTA_QUOTA_COUNTED=arrived)`);
  }
  if (calls["in-flight"] > 0) {
    const files = coverage.length > 1 ? "a file was" : "the file was";
    notes.push(`${calls["in-flight"]} in flight when ${files} written can have arrived after that`);
  }
  if (calls.throttled > 0) {
    notes.push(
      `the upstream refused ${calls.throttled} for rate: if the verdict holds, another sender uses the account, ` +
        "or its quota is lower",
    );
  }
  return notes;
}

function suspects(calls: readonly PlacedCall[]): string[] {
  const lines = calls
    .toSorted((a, b) => a.sentUs - b.sentUs)
    .slice(0, LISTED_CALLS)
    .map(({ sentUs, endedUs, kind, requestId, replica }) => {
      const ended = endedUs === undefined ? "not ended" : `ended ${dateOf(endedUs / 1000)}`;
      return `  sent ${dateOf(sentUs / 1000)}, ${ended}, ${kind} ${requestId} of ${replica}\n`;
    });
  const more = calls.length - lines.length;
  return ["Calls that can have arrived in that second:\n", ...lines, ...(more > 0 ? [`  and ${more} more\n`] : [])];
}

/** Whether replicas exist without a file. Their calls can come on top. */
function isPartial({ clocks, replicas = 0 }: Proof): boolean {
  return clocks < replicas;
}

function verdict(proof: Proof): string {
  const { mostArrivals, callsPerSecond, clocks } = proof;
  if (holds(proof)) {
    const whose = clocks === 1 ? "this process" : `these ${clocks} processes`;
    const most = `no second can have held more than ${callsPerSecond} arrivals from`;
    if (!isPartial(proof)) return `PROVED: ${most} ${whose}.\n`;
    return `PROVED for the calls of ${whose} only: ${most} ${clocks === 1 ? "it" : "them"}.\n`;
  }
  return `NOT PROVED: one second can have held ${mostArrivals} arrivals, but ${callsPerSecond} are allowed.\n`;
}

/** Shows microseconds, so that calls a millisecond apart do not look alike. */
function dateOf(wallMs: number): string {
  const us = Math.round(wallMs * 1000);
  const ms = Math.floor(us / 1000);
  return new Date(ms).toISOString().replace("Z", `${String(us - ms * 1000).padStart(3, "0")}Z`);
}
