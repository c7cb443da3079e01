// Numbers and times as people read them.

const NUMBER = new Intl.NumberFormat("en");

/** @param {number} n */
export function number(n) {
  return NUMBER.format(n);
}

/**
 * @param {number} n
 * @param {string} one
 * @param {string} many
 */
export function count(n, one, many) {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/**
 * To two or three figures.
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${number(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/**
 * How long a request would wait.
 * @param {number | undefined} ms absent if it cannot be told
 */
export function wait(ms) {
  if (ms === undefined) return "not known";
  return ms < 1 ? "not at all" : duration(ms);
}

/**
 * The time of day, where the reader is.
 * @param {number} wallMs
 */
export function timeOfDay(wallMs) {
  return new Date(wallMs).toLocaleTimeString("en-GB");
}

/**
 * The same, to a tenth of a second.
 * @param {number} wallMs
 */
export function exactTime(wallMs) {
  return `${timeOfDay(wallMs)}.${Math.floor((wallMs % 1000) / 100)}`;
}
