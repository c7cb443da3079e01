// Runs one cancel: reads names, and writes a line of results and a count for each device, until all
// are answered or the user stops it. Devices under way at that moment are recorded as unknown.
import { type Clock, every } from "../../base/clock.js";
import type { CancelAllProgress, CancelScope, Client } from "../../client/client.js";
import type { Paint } from "../terminal/paint.js";
import { ProgressLine, type Screen } from "../terminal/progress.js";
import { type NameLine, UnreadableNames } from "./name-lines.js";
import { type InvalidName, NameList } from "./name-list.js";
import { OutcomeCounts } from "./outcome-counts.js";
import { type ResultRow, resultRow } from "./result-row.js";
import type { ResultsFile, WriteFailed } from "./results-file.js";
import type { RunReport } from "./summary.js";

export interface RunOptions {
  readonly client: Client;
  readonly scope: CancelScope;
  readonly lines: AsyncIterable<NameLine>;
  /** Where the names come from, for messages. */
  readonly source: string;
  /**
   * Whether all lines can be checked before anything is sent: they are in files, not still
   * arriving.
   */
  readonly readFirst: boolean;
  /** Devices that ended well in an earlier run. */
  readonly before: ReadonlySet<string>;
  /**
   * Called once there is something to do, so that an unreadable list leaves no empty file behind.
   */
  readonly openResults: (failed: WriteFailed) => ResultsFile | undefined;
  readonly signal: AbortSignal;
  readonly screen: Screen;
  readonly paint: Paint;
  readonly clock: Clock;
}

export type RunEnd = Pick<RunReport, "counts" | "names" | "invalid" | "calls" | "durationMs" | "unwritten"> & {
  /** Why it ended early; undefined if it did not. */
  readonly error?: unknown;
  /** Whether the results were written where they should go. */
  readonly hasResults: boolean;
};

/** Number of lines without a name to show. */
const INVALID_SHOWN = 5;

/** A crash loses the results of at most this time. */
const FLUSH_MS = 200;

export async function runCancel(options: RunOptions): Promise<RunEnd> {
  const { client, scope, lines, source, readFirst, before, openResults, screen, paint, clock } = options;
  // A run whose results cannot be stored makes no sense: a full disk stops it like Ctrl-C.
  const full = new AbortController();
  const signal = AbortSignal.any([options.signal, full.signal]);
  const counts = new OutcomeCounts();
  const invalid: string[] = [];
  const unwritten: ResultRow[] = [];
  let results: ResultsFile | undefined;
  const names = new NameList(before, (found) => {
    if (invalid.length < INVALID_SHOWN) invalid.push(invalidText(found));
    const row = invalidRow(found, scope, clock);
    if (results) results.add(row);
    else unwritten.push(row);
  });
  const taken = names.taken(lines);
  const list = readFirst ? await allOf(taken) : await begun(taken);
  if (names.isEmpty && !signal.aborted) throw new UnreadableNames(`${source} names no device`);
  if (!names.isEmpty) results = openResults((error) => full.abort(error));
  for (const row of unwritten.splice(0)) results?.add(row);
  const startMs = clock.now();
  let calls = 0;
  const progress = new ProgressLine(screen, paint, clock, () => ({
    devices: counts.ok + counts.failed,
    total: readFirst ? names.counts.taken : undefined,
    calls,
    failed: counts.failed,
  }));
  const disarmFlush = every(clock, FLUSH_MS, () => results?.flush());
  const end = () => ({ counts, names: names.counts, invalid, calls, durationMs: clock.now() - startMs });
  let error: unknown;
  try {
    const obstacles = new Set<string>();
    const onProgress = (told: CancelAllProgress) => {
      calls = told.calls;
      if (!told.obstacle || obstacles.has(told.obstacle)) return; // once is enough
      obstacles.add(told.obstacle);
      progress.note(paint("yellow", `waiting: ${told.obstacle}`));
    };
    for await (const result of client.cancelAll(list, scope, { signal, onProgress })) {
      results?.add(resultRow(result, scope, new Date(clock.wallNow())));
      counts.count(result);
      if (counts.failed === 1 && !result.ok) {
        progress.note(paint("red", `first failure: ${result.deviceName}: ${result.failure?.message}`));
      }
    }
  } catch (thrown) {
    error = thrown;
  }
  disarmFlush();
  progress.end();
  return { ...end(), error, unwritten: results?.close(), hasResults: results !== undefined };
}

async function allOf(names: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const name of names) all.push(name);
  return all;
}

/**
 * Waits for the first name, so that an empty or unusable input is noticed before anything starts.
 */
async function begun(names: AsyncIterator<string> & AsyncIterable<string>): Promise<AsyncIterable<string>> {
  const first = await names.next();
  async function* all(): AsyncGenerator<string> {
    if (first.done) return;
    yield first.value;
    yield* names;
  }
  return all();
}

function invalidText({ line, text, message }: InvalidName): string {
  const shown = text === undefined ? "" : `: ${JSON.stringify(text.slice(0, 40))}`;
  return `${placeOf(line)}${shown} ${message}`;
}

/** Arguments have no line. */
function placeOf(line: number): string {
  return line > 0 ? `line ${line}` : "argument";
}

function invalidRow({ line, text, message }: InvalidName, scope: CancelScope, clock: Clock) {
  const failure = {
    reason: "INVALID_REQUEST",
    code: "INVALID_ARGUMENT",
    message: `${placeOf(line)} ${message}`,
    violations: [],
    devices: {},
  };
  const result = { deviceName: text || `(line ${line})`, outcome: "NOT_ATTEMPTED", ok: false, failure } as const;
  return resultRow(result, scope, new Date(clock.wallNow()));
}
