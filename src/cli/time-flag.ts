// Reads a time that a flag gives, such as 30m or 2h.
import { timeSpan } from "../config/values.js";

const LEAST_MS = 1000;
const MOST_MS = 86_400_000;

/** In ms; undefined if the flag is not given. Ends the command as misuse if it is no such time. */
export function timeFlagMs(
  flag: string,
  text: string | undefined,
  misuse: (message: string) => never,
): number | undefined {
  if (text === undefined) return undefined;
  try {
    return timeSpan(LEAST_MS, MOST_MS)(text);
  } catch {
    return misuse(`${flag} ${text} is not a time from 1s to 24h, such as 30m or 2h`);
  }
}
