// Reads vitest's report of a run of property tests: what failed, and the command that runs the same
// history again.
import { relative } from "node:path";

export interface Failure {
  readonly file: string;
  readonly name: string;
  readonly message: string;
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

export function failuresOf(json: string): Failure[] {
  const { testResults } = JSON.parse(json) as Report;
  return testResults.flatMap(({ name: path, message, assertionResults }) => {
    const file = relative(process.cwd(), path);
    const failed = assertionResults.filter(({ status }) => status === "failed");
    // A file that cannot be loaded has no tests.
    if (failed.length === 0) return message ? [{ file, name: "", message }] : [];
    return failed.map(({ fullName, failureMessages = [] }) => ({
      file,
      name: fullName,
      message: failureMessages.join("\n"),
    }));
  });
}

/**
 * The command that runs this test with the history that fast-check arrived at. Uses the seed
 * without a path if there is none, or if the history consists of commands, which a path describes
 * only in part.
 */
export function replayOf({ file, name, message }: Failure, seed: number): string {
  const [, failedSeed = String(seed), path] = /seed: (-?\d+), path: "([^"]*)"/.exec(message) ?? [];
  const isWhole = path !== undefined && !message.includes("replayPath=");
  const variables = [`HISTORY_SEED=${failedSeed}`, ...(isWhole ? [`HISTORY_PATH=${path}`] : [])];
  return `${variables.join(" ")} npx vitest run ${file} -t ${quoted(literal(name))}`;
}

/** Escapes the name, because vitest takes it as a regular expression. */
function literal(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
