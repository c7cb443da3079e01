// Computes what files of the flight recorder prove together: the most arrivals that any second can
// have held, on one time scale. Files of one process share its clock and are merged exactly, even
// if they overlap; files of different processes are aligned by their wall clocks. Pure.
import { intervalOf } from "../../observe/recorder/call-interval.js";
import { CALL_KINDS, type CallKind, type Header, type RecordedCall } from "../../observe/recorder/flight-record.js";
import { type Interval, mostArrivals, reachesInto } from "../../observe/recorder/most-arrivals.js";
import type { FlightRecord } from "./read-flight-record.js";

/** A call on the common scale: microseconds of the wall clock. */
export interface PlacedCall extends RecordedCall {
  readonly replica: string;
}

/** The period that one file covers. */
export interface Coverage {
  readonly file: string;
  readonly replica: string;
  readonly fromWallMs: number;
  readonly toWallMs: number;
  readonly calls: number;
}

export interface Proof {
  readonly account: string;
  readonly callsPerSecond: number;
  readonly coverage: readonly Coverage[];
  /** How many clocks the result depends on. */
  readonly clocks: number;
  /** Whether any of the files says that replicas share the ledger. */
  readonly isShared: boolean;
  /** The most replicas that any file knows of; undefined if none knows. */
  readonly replicas: number | undefined;
  readonly calls: Readonly<Record<CallKind, number>>;
  /** How many of them are taken to have arrived earlier than they were answered. */
  readonly arrivedEarly: number;
  readonly mostArrivals: number;
  /**
   * Where the first such second begins, and the calls that can have arrived in it. Undefined if no
   * call ever did.
   */
  readonly worst: { readonly fromWallMs: number; readonly calls: readonly PlacedCall[] } | undefined;
  /** The result with every interval widened by this much at both ends. */
  readonly widened: { readonly clockErrorMs: number; readonly mostArrivals: number };
}

/** Records that cannot be compared. */
export class Incomparable extends Error {
  override readonly name = "Incomparable";
}

interface PlacedInterval extends Interval {
  readonly call: PlacedCall;
}

/**
 * Makes one proof for each account. Throws Incomparable if records of one account differ in its
 * quota.
 */
export function prove(records: readonly FlightRecord[], clockErrorMs = 0): Proof[] {
  return [...grouped(records, "account").values()].map((own) => proveAccount(own, clockErrorMs));
}

function proveAccount(records: readonly FlightRecord[], clockErrorMs: number): Proof {
  const { account, callsPerSecond } = (records[0] as FlightRecord).header;
  const other = records.find(({ header }) => header.callsPerSecond !== callsPerSecond);
  if (other) {
    throw new Incomparable(
      `${other.file} allows account ${JSON.stringify(account)} ${other.header.callsPerSecond} calls a second, ` +
        `${records[0]?.file} ${callsPerSecond}`,
    );
  }
  const recordings = [...grouped(records, "recording").values()];
  const calls = emptyCounts();
  const intervals = recordings.flatMap((recording) => placed(recording, calls));
  const most = mostArrivals(intervals);
  return {
    account,
    callsPerSecond,
    coverage: records.map(coverageOf),
    clocks: recordings.length,
    isShared: records.some(({ header }) => header.ledger === "shared"),
    replicas: mostReplicas(records),
    calls,
    arrivedEarly: intervals.filter(({ call }) => call.arrivedByUs !== undefined).length,
    mostArrivals: most?.arrivals ?? 0,
    worst: most && {
      fromWallMs: most.secondFromUs / 1000,
      calls: intervals.filter((each) => reachesInto(each, most.secondFromUs)).map(({ call }) => call),
    },
    widened: { clockErrorMs, mostArrivals: mostArrivals(widened(intervals, clockErrorMs))?.arrivals ?? 0 },
  };
}

function mostReplicas(records: readonly FlightRecord[]): number | undefined {
  const known = records.flatMap(({ header }) => header.replicas ?? []);
  return known.length > 0 ? Math.max(...known) : undefined;
}

function grouped(records: readonly FlightRecord[], by: "account" | "recording"): Map<string, FlightRecord[]> {
  const groups = new Map<string, FlightRecord[]>();
  for (const record of records) {
    const group = groups.get(record.header[by]);
    if (group) group.push(record);
    else groups.set(record.header[by], [record]);
  }
  return groups;
}

/** The intervals of one process, from its files. Counts the calls by kind. */
function placed(records: readonly FlightRecord[], counts: Record<CallKind, number>): PlacedInterval[] {
  // Newest first: a call in flight in an earlier file has ended in a later one, and a wall clock
  // read later has had more time to be corrected.
  const newestFirst = records.toSorted((a, b) => b.header.writtenAtMs - a.header.writtenAtMs);
  const offsetUs = wallOffsetUs((newestFirst[0] as FlightRecord).header);
  const seen = new Map<string, number>();
  return newestFirst.flatMap(({ header, calls }) => {
    const own = new Map<string, number>();
    const writtenUs = Math.round(header.writtenAtMs * 1000);
    return calls.flatMap((call): PlacedInterval[] => {
      // Two equal lines in one file are two calls; in two files they are one. So equal lines are
      // counted within each file.
      const key = `${call.sentUs} ${call.devices}`;
      const nth = (own.get(key) ?? 0) + 1;
      own.set(key, nth);
      if (nth <= (seen.get(key) ?? 0)) return [];
      seen.set(key, nth);
      counts[call.kind]++;
      const interval = intervalOf(call, header, writtenUs);
      if (!interval) return [];
      const { sentUs, endedUs } = call;
      const wall = { sentUs: sentUs + offsetUs, endedUs: endedUs === undefined ? undefined : endedUs + offsetUs };
      const { replica } = header;
      return [
        { fromUs: interval.fromUs + offsetUs, toUs: interval.toUs + offsetUs, call: { ...call, ...wall, replica } },
      ];
    });
  });
}

/** The offset from the recording's own clock to the wall clock. */
function wallOffsetUs({ writtenAt, writtenAtMs }: Header): number {
  return Date.parse(writtenAt) * 1000 - Math.round(writtenAtMs * 1000);
}

function coverageOf({ file, header, calls }: FlightRecord): Coverage {
  const toWallMs = Date.parse(header.writtenAt);
  const fromWallMs = toWallMs - (header.writtenAtMs - header.completeSinceMs);
  return { file, replica: header.replica, fromWallMs, toWallMs, calls: calls.length };
}

function widened(intervals: readonly Interval[], byMs: number): Interval[] {
  return intervals.map(({ fromUs, toUs }) => ({ fromUs: fromUs - byMs * 1000, toUs: toUs + byMs * 1000 }));
}

function emptyCounts(): Record<CallKind, number> {
  return Object.fromEntries(CALL_KINDS.map((kind) => [kind, 0])) as Record<CallKind, number>;
}
