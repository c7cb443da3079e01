// Decides where results go, and builds the command that resumes a run. A results file is never
// overwritten; it is continued only if the user asks for that.
import { existsSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import { shellQuoted } from "../terminal/shell-quoted.js";
import { type ResultFormat, resultFormatOf } from "./result-row.js";
import { ResultsFile, type WriteFailed } from "./results-file.js";

export interface Output {
  /** Undefined for standard output. */
  readonly file: string | undefined;
  /** Opens the file. Throws UnusableOutput. */
  open(failed: WriteFailed): ResultsFile;
}

/** The flags contradict each other or the existing files. The message says what to do. */
export class UnusableOutput extends Error {
  override readonly name = "UnusableOutput";
}

export const STDOUT = "-";

/** Undefined if no results are wanted. Throws UnusableOutput. */
export function outputBy(output: string | undefined, resume: string | undefined): Output | undefined {
  if (output === STDOUT) return { file: undefined, open: (failed) => ResultsFile.onto(1, "standard output", failed) };
  if (output && resume && resolve(output) !== resolve(resume)) {
    throw new UnusableOutput(
      `--resume ${resume} continues that file; leave out --output ${output}, or copy the file and resume the copy`,
    );
  }
  const file = resume ?? output;
  if (file === undefined) return undefined;
  const format = resultFormat(file);
  if (file === resume)
    return { file, open: (failed) => opened(file, () => ResultsFile.continued(file, format, failed)) };
  if (existsSync(file)) {
    throw new UnusableOutput(
      `${file} exists already; choose another file, or continue it with cancel --resume ${file}`,
    );
  }
  return { file, open: (failed) => opened(file, () => ResultsFile.create(file, format, failed)) };
}

function opened(file: string, open: () => ResultsFile): ResultsFile {
  try {
    return open();
  } catch (error) {
    throw new UnusableOutput(`${file} cannot be written: ${(error as Error).message}`);
  }
}

export function resultFormat(file: string): ResultFormat {
  const format = resultFormatOf(file);
  if (!format) throw new UnusableOutput(`${file} must end in .csv or .jsonl, which sets the format of the results`);
  return format;
}

/**
 * The command line as given, with `--resume` in place of `--output`. Everything behind a `--` is a
 * name, also one that looks like a flag.
 */
export function resumeCommand(argv: readonly string[], file: string): string {
  const [, script = "", ...args] = argv;
  const program = basename(script) === "cli.js" ? ["node", relative(process.cwd(), script)] : [basename(script)];
  const end = args.indexOf("--");
  const [flags, names] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end)];
  const kept = flags.filter((arg, n) => {
    const isValue = ["--output", "--resume"].includes(flags[n - 1] ?? "");
    return !isValue && !/^--(output|resume)(=|$)/.test(arg);
  });
  return [...program, ...kept, "--resume", file, ...names].map(shellQuoted).join(" ");
}
