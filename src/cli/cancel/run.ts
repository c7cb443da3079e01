// Runs one cancel: reads names, and writes a line of results and a count for each device, until all
// are answered or the user stops it. Devices under way at that moment are recorded as unknown.
import { type Clock, every } from "../../base/clock.js";
import type { CancelAllProgress, CancelScope, Client } from "../../client/client.js";
import type { Paint } from "../terminal/paint.js";
import { ProgressLine, type Screen } from "../terminal/progress.js";
import { InvalidLines, placeOf } from "./invalid-lines.js";
import { type NameLine, UnreadableNames } from "./name-line.js";
import { type InvalidName, NameList } from "./name-list.js";
import { OutcomeCounts } from "./outcome-counts.js";
import { type ResultRow, resultRow } from "./result-row.js";
import type { ResultsFile, WriteFailed } from "./results-file.js";
import { RunNotes } from "./run-notes.js";
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

export type RunEnd = Pick<
  RunReport,
  "counts" | "names" | "invalid" | "isWholeList" | "calls" | "durationMs" | "unwritten"
> & {
  /** Why it ended early; undefined if it did not. */
  readonly error?: unknown;
  /** Whether the results were written where they should go. */
  readonly hasResults: boolean;
};

/** A crash loses the results of at most this time. */
const FLUSH_MS = 200;

export async function runCancel(options: RunOptions): Promise<RunEnd> {
  const { client, scope, lines, source, readFirst, before, openResults, screen, paint, clock } = options;
  // A run whose results cannot be stored makes no sense: a full disk stops it like Ctrl-C.
  const full = new AbortController();
  const signal = AbortSignal.any([options.signal, full.signal]);
  const counts = new OutcomeCounts();
  const invalid = new InvalidLines();
  const unwritten: ResultRow[] = [];
  let results: ResultsFile | undefined;
  const names = new NameList(before, (found) => {
    invalid.add(found);
    const row = invalidRow(found, scope, clock);
    if (results) results.add(row);
    else unwritten.push(row);
  });
  let isWholeList = false;
  async function* whole(): AsyncGenerator<string> {
    yield* names.taken(lines);
    isWholeList = !signal.aborted; // a source that is closed ends as well
  }
  const taken = whole();
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
  const flush = () => results?.flush();
  const disarmFlush = every(clock, FLUSH_MS, flush);
  process.once("exit", flush); // at a second signal, which waits for nothing
  const isOwed = () => names.counts.taken > counts.ok + counts.failed;
  const notes = new RunNotes({ clock, paint, isOwed, print: (line) => progress.note(line), signal });
  let error: unknown;
  try {
    const onProgress = (told: CancelAllProgress) => {
      calls = told.calls;
      notes.heard(told);
    };
    for await (const result of client.cancelAll(list, scope, { signal, onProgress })) {
      results?.add(resultRow(result, scope, new Date(clock.wallNow())));
      counts.count(result);
      notes.resulted(result);
      await results?.caughtUp(signal);
    }
  } catch (thrown) {
    error = thrown;
  }
  disarmFlush();
  process.off("exit", flush);
  notes.end(error);
  progress.end();
  return {
    ...{ counts, names: names.counts, invalid: invalid.texts, isWholeList },
    ...{ calls, durationMs: clock.now() - startMs, error },
    ...{ unwritten: await results?.close(), hasResults: results !== undefined },
  };
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

function invalidRow(found: InvalidName, scope: CancelScope, clock: Clock): ResultRow {
  const { text, message } = found;
  const failure = {
    reason: "INVALID_REQUEST",
    code: "INVALID_ARGUMENT",
    message: `${placeOf(found)} ${message}`,
    violations: [],
    devices: {},
  };
  const result = { deviceName: text || `(${placeOf(found)})`, outcome: "NOT_ATTEMPTED", ok: false, failure } as const;
  return resultRow(result, scope, new Date(clock.wallNow()));
}
