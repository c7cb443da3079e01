// What a caller's name looks like, wherever it comes from. Names stand in logs, spans, metrics and the audit log,
// so what is not plain and short is no name.

const NAME = /^[\w.:/@-]{1,128}$/;

/** Who asks if nobody says, and nobody has to. */
export const ANONYMOUS = "anonymous";

export function isCallerName(name: unknown): name is string {
  return typeof name === "string" && NAME.test(name);
}
