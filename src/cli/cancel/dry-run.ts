// Computes the cost of a run: the gateway checks every name, and nothing is canceled. Only if asked
// to, it has the devices read.
import { type CancelPlan, type CancelScope, type Client, type DeviceResult, OtaError } from "../../client/client.js";
import { isTooLarge } from "../../client/settlement.js";
import { counted, duration } from "../terminal/figures.js";
import { InvalidLines } from "./invalid-lines.js";
import { type NameCheck, nameCheckJson, nameCheckText } from "./name-check.js";
import { type NameLine, UnreadableNames } from "./name-line.js";
import { NameList } from "./name-list.js";

export interface DryRunOptions {
  readonly client: Client;
  readonly scope: CancelScope;
  readonly lines: AsyncIterable<NameLine>;
  /** Where the names come from, for messages. */
  readonly source: string;
  /** Devices that ended well in an earlier run. */
  readonly before: ReadonlySet<string>;
  readonly callsPerSecond: number;
  readonly signal: AbortSignal;
  /** Called with the number of devices that the gateway has checked since the last time. */
  readonly advanced: (devices: number) => void;
  /** Has every device read, and takes what is known of each. */
  readonly checked?: (result: DeviceResult) => void;
}

export interface DryRun {
  readonly devices: number;
  readonly invalidNames: number;
  /** The first lines without a device name, and why. */
  readonly invalid: readonly string[];
  readonly duplicates: number;
  readonly skipped: number;
  readonly calls: number;
  /** Both are absent while the gateway cannot tell. */
  readonly expectedWaitMs?: number;
  readonly expectedDurationMs?: number;
}

/** As in a run. For a gateway that accepts fewer, requests are halved until they fit. */
const DEVICES_PER_REQUEST = 1000;

/** A gateway fills its calls from all requests of a run, however they are cut. */
const DEVICES_PER_CALL = 200;

const NOTHING: CancelPlan = { calls: 0, expectedWaitMs: 0, expectedDurationMs: 0 };

/** Checks all names. Throws UnreadableNames if there is none. */
export async function dryRun(options: DryRunOptions): Promise<DryRun> {
  const { client, scope, lines, source, before, callsPerSecond, signal, advanced, checked } = options;
  const what = { validateOnly: true, ...(checked && { checkDevices: true }) };
  const invalid = new InvalidLines();
  const names = new NameList(before, (found) => invalid.add(found));
  let mostDevices = DEVICES_PER_REQUEST;
  let first: CancelPlan | undefined;
  const ask = async (deviceNames: readonly string[]): Promise<void> => {
    try {
      const { plan, results } = await client.cancelTasksByDevice({ ...scope, deviceNames, ...what }, { signal });
      if (!plan) throw new Error("the gateway returned no plan; it may be older than this program");
      if (checked && !plan.devices) throw new Error("the gateway read no device; it may be older than --check");
      for (const result of results) checked?.(result);
      advanced(deviceNames.length);
      first ??= plan;
    } catch (error) {
      if (!(error instanceof OtaError && isTooLarge(error)) || deviceNames.length === 1) throw error;
      const half = Math.ceil(deviceNames.length / 2);
      mostDevices = Math.min(mostDevices, half);
      await ask(deviceNames.slice(0, half));
      await ask(deviceNames.slice(half));
    }
  };
  let begun: string[] = [];
  for await (const name of names.taken(lines)) {
    begun.push(name);
    if (begun.length < mostDevices) continue;
    await ask(begun);
    begun = [];
  }
  signal.throwIfAborted();
  if (names.isEmpty) throw new UnreadableNames(`${source} names no device`);
  if (begun.length > 0) await ask(begun);
  const { taken: devices, invalid: invalidNames, duplicates, skipped } = names.counts;
  const { expectedWaitMs, expectedDurationMs, calls: firstCalls }: CancelPlan = first ?? NOTHING;
  const calls = Math.ceil(devices / DEVICES_PER_CALL);
  // Each plan is computed as if it were alone. Calls after the first are added at the rate of the
  // quota.
  const restMs = ((calls - firstCalls) * 1000) / callsPerSecond;
  const times = expectedWaitMs !== undefined &&
    expectedDurationMs !== undefined && { expectedWaitMs, expectedDurationMs: expectedDurationMs + restMs };
  return { devices, invalidNames, invalid: invalid.texts, duplicates, skipped, calls, ...times };
}

/** Uses the keys of a run's summary. */
export function dryRunJson(run: DryRun, nameCheck?: NameCheck): object {
  const { devices, invalidNames, duplicates, skipped, calls, expectedWaitMs, expectedDurationMs } = run;
  return {
    devices,
    invalid_names: invalidNames,
    duplicates,
    skipped,
    upstream_calls: calls,
    expected_wait_ms: expectedWaitMs,
    expected_duration_ms: expectedDurationMs,
    ...(nameCheck && nameCheckJson(nameCheck)),
  };
}

export function dryRunText(run: DryRun, nameCheck?: NameCheck): string {
  const left = [
    run.invalidNames > 0 && `${counted(run.invalidNames, "line")} without a device name`,
    run.duplicates > 0 && `${counted(run.duplicates, "name")} listed more than once`,
    run.skipped > 0 && `${counted(run.skipped, "device")} accepted before`,
  ].filter(Boolean);
  return [
    `${counted(run.devices, "device")} would take ${counted(run.calls, "call")}: ${timesText(run)}.`,
    ...(left.length > 0 ? [`Left out: ${left.join(", ")}.`] : []),
    ...run.invalid.map((each) => `  ${each}`),
    ...(nameCheck ? [nameCheckText(nameCheck)] : []),
    `Nothing was ${nameCheck ? "canceled" : "sent"}. Run it without --dry-run to cancel.\n`,
  ].join("\n");
}

function timesText({ expectedWaitMs, expectedDurationMs }: DryRun): string {
  if (expectedWaitMs === undefined || expectedDurationMs === undefined)
    return "when is unknown, because no calls are carried out at the moment (see ota-gateway quota)";
  return `the first in ${duration(expectedWaitMs)}, the last answered in about ${duration(expectedDurationMs)}`;
}
