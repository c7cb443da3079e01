// The page's connection to the gateway. It recovers by itself: the browser reconnects when the
// connection breaks, and this module does when the browser gives up (an answer other than 200) or
// notices nothing.

/** @import { Snapshot } from "../snapshot.js" */

/** Snapshots come four times a second. After this long without one, the page counts as outdated. */
const QUIET_MS = 3000;

/** After this long without a snapshot, the connection is opened again. */
const DEAD_MS = 10_000;

const LOOK_MS = 500;

/**
 * @param {(snapshot: Snapshot) => void} onSnapshot
 * @param {() => void} onLost called repeatedly while there is no connection
 */
export function connect(onSnapshot, onLost) {
  let source = open();
  let heardMs = performance.now();
  let openedMs = heardMs;

  function open() {
    const opened = new EventSource("/events");
    opened.onmessage = (event) => {
      heardMs = performance.now();
      onSnapshot(JSON.parse(event.data));
    };
    opened.onerror = onLost;
    return opened;
  }

  setInterval(() => {
    const nowMs = performance.now();
    if (nowMs - heardMs > QUIET_MS) onLost();
    const hasGivenUp = source.readyState === EventSource.CLOSED && nowMs - openedMs > QUIET_MS;
    if (!hasGivenUp && nowMs - Math.max(heardMs, openedMs) < DEAD_MS) return;
    source.close();
    source = open();
    openedMs = nowMs;
  }, LOOK_MS);
}
