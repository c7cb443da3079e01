// One run: names in, a line of results and a count for each device, until they are all answered or somebody stops
// it. Whatever was under way then is written down as unknown.
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
  /** Where they come from, for who reads of it. */
  readonly source: string;
  /** Whether all lines can be looked at before anything is sent: they are in files, and not still coming. */
  readonly readFirst: boolean;
  /** They ended well in an earlier run. */
  readonly before: ReadonlySet<string>;
  /** Called once there is something to do: a list that cannot be read leaves no empty file behind. */
  readonly openResults: (failed: WriteFailed) => ResultsFile | undefined;
  readonly signal: AbortSignal;
  readonly screen: Screen;
  readonly paint: Paint;
  readonly clock: Clock;
}

export type RunEnd = Pick<RunReport, "counts" | "names" | "invalid" | "calls" | "durationMs" | "unwritten"> & {
  /** Why it ended early; undefined if it did not. */
  readonly error?: unknown;
  /** Whether there are results where they were to go. */
  readonly hasResults: boolean;
};

/** Lines without a name that are shown. */
const INVALID_SHOWN = 5;

/** A crash loses no more results than of so long a time. */
const FLUSH_MS = 200;

export async function runCancel(options: RunOptions): Promise<RunEnd> {
  const { client, scope, lines, source, readFirst, before, openResults, screen, paint, clock } = options;
  // Results that nobody can read later are not made: a full disk stops it as Ctrl-C does.
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
      if (!told.obstacle || obstacles.has(told.obstacle)) return; // said once is enough
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

/** Waits for the first: an input without any, or of no use, is found out before anything is begun. */
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

/** Arguments stand on no line. */
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
