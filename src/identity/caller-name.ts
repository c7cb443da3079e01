// Decides which texts are valid caller names, from any source. Names appear in logs, spans, metrics
// and the audit log, so they must be short and free of special characters.

const NAME = /^[\w.:/@-]{1,128}$/;

/** Names the valid characters, for errors. */
export const CALLER_NAME_RULE = "1-128 of A-Za-z0-9_.:/@-";

/** The caller's name when no identity is given and none is required. */
export const ANONYMOUS = "anonymous";

export function isCallerName(name: unknown): name is string {
  return typeof name === "string" && NAME.test(name);
}
