// Formats numbers and times for people.

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
 * A duration with two or three significant digits.
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
 * The expected wait of a request.
 * @param {number | undefined} ms absent if unknown
 */
export function wait(ms) {
  if (ms === undefined) return "unknown";
  return ms < 1 ? "none" : duration(ms);
}

/**
 * The time of day in the reader's time zone.
 * @param {number} wallMs
 */
export function timeOfDay(wallMs) {
  return new Date(wallMs).toLocaleTimeString("en-GB");
}

/**
 * The day and the time of day in the reader's time zone.
 * @param {number} wallMs
 */
export function dayAndTime(wallMs) {
  return new Date(wallMs).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** The name of the reader's time zone. */
export function timeZone() {
  return new Intl.DateTimeFormat("en").resolvedOptions().timeZone;
}

/**
 * The time of day to a tenth of a second.
 * @param {number} wallMs
 */
export function exactTime(wallMs) {
  return `${timeOfDay(wallMs)}.${Math.floor((wallMs % 1000) / 100)}`;
}
