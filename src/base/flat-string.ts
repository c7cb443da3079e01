// Rewrites a text into the plainest form that V8 has. V8 keeps strings in many forms: as slices, as
// concatenations, or outside its heap, like text from an HTTP/2 header. Code that has seen more
// than four of them looks up for each character how to read it; in the span exporter of
// OpenTelemetry that took 14 µs of a request's 150.

/**
 * Copies a text into one flat string. Worth it only for text that is read often: the copy costs
 * more than one read.
 */
export function flatten(text: string): string {
  return Buffer.from(text).toString();
}
