// Values that are empty, as those of a shell's variables that are not set. Left alone they would mean what leaving the
// flag out means: `--job-id "$JOB"` would cancel in every batch, and `--ca "$CA"` send in plain text.
import type { Command } from "commander";

/** Here an empty value is one: of `serve` the flags are variables, where empty is not set, and of `emulate` none. */
const TAKEN_BY: ReadonlySet<string> = new Set(["serve", "emulate"]);

/** Ends the command as misuse if a flag was given an empty value. */
export function refuseEmptyValues(command: Command): void {
  if (TAKEN_BY.has(command.name())) return;
  const isEmpty = (name: string) => command.getOptionValue(name) === "" && command.getOptionValueSource(name) === "cli";
  const empty = command.options.find((option) => isEmpty(option.attributeName()));
  if (!empty) return;
  const message = `error: ${empty.long} is empty: give it a value, or leave it out`;
  command.error(message, { exitCode: 2, code: "flag.empty" });
}
