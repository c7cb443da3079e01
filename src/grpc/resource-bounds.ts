// The bounds of the gRPC port in one table: how many streams and bytes it may hold at once. All of
// them together have to fit into the heap, or the gateway does not start.
import { getHeapStatistics } from "node:v8";

const MB = 2 ** 20;

/** All open streams in the heap of the manifests, and in one of a gigabyte or more. */
const FEW_STREAMS = 6144;
const MANY_STREAMS = 16_384;

function streamsIn(heapBytes: number): number {
  return heapBytes >= 1024 * MB ? MANY_STREAMS : FEW_STREAMS;
}

const STREAMS = streamsIn(oldSpaceBytes());

/** The most streams that are open, and bytes that they hold: headers, messages and answers. */
export interface Bound {
  readonly streams: number;
  readonly bytes: number;
}

/** Streams count from their headers on, whatever they are for. */
export const BOUNDS = {
  gateway: { streams: STREAMS, bytes: 64 * MB },
  /** All callers may come through one proxy. */
  address: { streams: STREAMS - 1024, bytes: 48 * MB },
  /** Two seconds of the usual quota in requests of one device. */
  caller: { streams: 4096, bytes: 32 * MB },
  /** The same number is the setting of HTTP/2. */
  connection: { streams: 512, bytes: 24 * MB },
  /**
   * Without credentials, where credentials are needed: health, reflection, and requests that will
   * be refused.
   */
  strangers: { streams: 1024, bytes: 4 * MB },
  strangersOfAddress: { streams: 512, bytes: 2 * MB },
  watches: { streams: 512, bytes: MB },
  watchesOfConnection: { streams: 8, bytes: MB },
  reflection: { streams: 64, bytes: MB },
  reflectionOfConnection: { streams: 4, bytes: MB },
  /** A caller may have four (operations/operations.ts). */
  submissions: { streams: 64, bytes: 32 * MB },
  submissionsOfConnection: { streams: 8, bytes: 8 * MB },
} as const satisfies Record<string, Bound>;

/** Names and values in the headers of one stream. */
export const MOST_HEADER_BYTES = 16_384;

/** For methods whose requests hold no list of devices. */
export const SMALL_MESSAGE_BYTES = 1024;

/** One message of a submission: twice the names allowed, so that too many get an answer. */
export const MOST_SUBMISSION_BYTES = 2 * 10_000 * 34 + 65_536;

/** Answers of one connection that its client has not read. */
export const MOST_ANSWER_BYTES = 24 * MB;

/** Refusals wait before they are sent, so that floods slow themselves down. */
export const MOST_REFUSALS_WAITING = 2048;

/** The heap that each of these takes, measured with Node 24; see test/e2e/full-house.test.ts. */
const COSTS = {
  program: 48 * MB,
  /**
   * The objects of HTTP/2, grpc-js and the gateway for one stream, beside the bytes that it holds.
   */
  stream: 14 * 1024,
  refusalWaiting: 6 * 1024,
  /** One device that waits, in a request of many. */
  queuedDevice: 130,
} as const;

/** The heap that is needed when every bound is reached at once. */
export function heapNeeded(maxQueuedDevices: number, streams: number = STREAMS): number {
  const { program, stream, refusalWaiting, queuedDevice } = COSTS;
  return program + streams * stream + MOST_REFUSALS_WAITING * refusalWaiting + maxQueuedDevices * queuedDevice;
}

/** Advice if the bounds do not fit into the heap; undefined if they fit. */
export function heapTooSmall(maxQueuedDevices: number, heapBytes = oldSpaceBytes()): string | undefined {
  const streams = streamsIn(heapBytes);
  const needed = heapNeeded(maxQueuedDevices, streams);
  if (needed <= heapBytes) return undefined;
  const least = heapNeeded(0, streams);
  const fitting = Math.floor((heapBytes - least) / COSTS.queuedDevice);
  const remedy = fitting > 0 ? `lower OTA_MAX_QUEUED_DEVICES to ${fitting}, or ` : "";
  return (
    `OTA_MAX_QUEUED_DEVICES: ${maxQueuedDevices} devices and ${streams} open streams can take ` +
    `${inMb(needed)} MB of heap, and Node has ${inMb(heapBytes)} MB; ${remedy}give it more with ` +
    `NODE_OPTIONS=--max-old-space-size=${inMb(needed)}`
  );
}

/**
 * Node's limit counts the young generation too, which holds nothing for long: three spaces of 32
 * MB.
 */
function oldSpaceBytes(): number {
  return getHeapStatistics().heap_size_limit - 96 * MB;
}

function inMb(bytes: number): number {
  return Math.ceil(bytes / MB);
}
