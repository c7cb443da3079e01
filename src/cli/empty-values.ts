// Refuses empty values of flags, as they come from unset shell variables. Left alone, an empty
// value would mean that the flag is absent: `--job-id "$JOB"` would cancel in every batch, and
// `--ca "$CA"` would send in plain text.
import type { Command } from "commander";

/**
 * Commands for which an empty value has a meaning: the flags of `serve` are variables, where empty
 * means unset, and `emulate` has flags for which it means none.
 */
const TAKEN_BY: ReadonlySet<string> = new Set(["serve", "emulate"]);

/** Ends the command as misuse if a flag was given an empty value. */
export function refuseEmptyValues(command: Command): void {
  if (TAKEN_BY.has(command.name())) return;
  // A part of a command shares the flags of the whole.
  if (command.parent) refuseEmptyValues(command.parent);
  const isEmpty = (name: string) => command.getOptionValue(name) === "" && command.getOptionValueSource(name) === "cli";
  const empty = command.options.find((option) => isEmpty(option.attributeName()));
  if (!empty) return;
  const message = `error: ${empty.long} is empty; give it a value, or leave it out`;
  command.error(message, { exitCode: 2, code: "flag.empty" });
}
