// What may be held at once, in one table. Every bound of the gRPC port is read from it, and its sum has to fit into the
// heap: a gateway whose heap is smaller does not start.
import { getHeapStatistics } from "node:v8";

const MB = 2 ** 20;

/** A bound on streams that are open, and on bytes that they hold: headers, messages and answers. */
export interface Bound {
  readonly streams: number;
  readonly bytes: number;
}

/** The first column bounds streams from their headers on, whatever they are for. */
export const BOUNDS = {
  gateway: { streams: 6144, bytes: 64 * MB },
  /** All callers may come through one proxy. */
  address: { streams: 5120, bytes: 48 * MB },
  /** Two seconds of the usual quota in requests of one device. */
  caller: { streams: 4096, bytes: 32 * MB },
  /** The same number is the setting of HTTP/2. */
  connection: { streams: 512, bytes: 24 * MB },
  /** Without credentials, where they are needed: health, reflection, and requests that will be refused. */
  strangers: { streams: 1024, bytes: 4 * MB },
  strangersOfAddress: { streams: 512, bytes: 2 * MB },
  watches: { streams: 512, bytes: MB },
  watchesOfConnection: { streams: 8, bytes: MB },
  reflection: { streams: 64, bytes: MB },
  reflectionOfConnection: { streams: 4, bytes: MB },
} as const satisfies Record<string, Bound>;

/** In the headers of one stream, names and values. */
export const MOST_HEADER_BYTES = 16_384;

/** For methods whose requests are names and no lists of devices. */
export const SMALL_MESSAGE_BYTES = 1024;

/** Answers of one connection that wait to be taken. */
export const MOST_ANSWER_BYTES = 24 * MB;

/** A refusal may wait before it is sent, so that floods slow themselves down. */
export const MOST_REFUSALS_WAITING = 2048;

/** What each of these takes of the heap, measured with Node 24; see test/e2e/full-house.test.ts. */
const COSTS = {
  program: 48 * MB,
  /** With the objects that HTTP/2, grpc-js and the gateway have for it, beside what it holds. */
  stream: 14 * 1024,
  refusalWaiting: 6 * 1024,
  /** One that waits, in a request of many. */
  queuedDevice: 130,
} as const;

/** The heap that is needed when every bound is reached at once. */
export function heapNeeded(maxQueuedDevices: number): number {
  const { program, stream, refusalWaiting, queuedDevice } = COSTS;
  const { streams } = BOUNDS.gateway;
  return program + streams * stream + MOST_REFUSALS_WAITING * refusalWaiting + maxQueuedDevices * queuedDevice;
}

/** Undefined if it fits into the heap that Node has; else what to do about it. */
export function heapTooSmall(maxQueuedDevices: number, heapBytes = oldSpaceBytes()): string | undefined {
  const needed = heapNeeded(maxQueuedDevices);
  if (needed <= heapBytes) return undefined;
  const least = heapNeeded(0);
  const fitting = Math.floor((heapBytes - least) / COSTS.queuedDevice);
  const remedy = fitting > 0 ? `lower OTA_MAX_QUEUED_DEVICES to ${fitting}, or ` : "";
  return (
    `OTA_MAX_QUEUED_DEVICES: ${maxQueuedDevices} devices and ${BOUNDS.gateway.streams} open streams can take ` +
    `${inMb(needed)} MB of heap, and Node has ${inMb(heapBytes)} MB; ${remedy}give it more with ` +
    `NODE_OPTIONS=--max-old-space-size=${inMb(needed)}`
  );
}

/** Node's limit counts the young generation too, which holds nothing for long: three spaces of 32 MB. */
function oldSpaceBytes(): number {
  return getHeapStatistics().heap_size_limit - 96 * MB;
}

function inMb(bytes: number): number {
  return Math.ceil(bytes / MB);
}
