// Keeps the value of a misspelled flag out of the error about it, and so out of the logs of a job:
// it may be a password or a token.

/**
 * Removes the value that Commander quotes with an unknown flag: `--redis-url=redis://:secret@host`,
 * `--token=eyJ…`.
 */
export function withoutValue(text: string): string {
  return text.replace(/(unknown option '[^'=]*)=.*'/s, "$1'");
}
