// `npm run histories [-- SECONDS [SEED]]`: the property tests with one fresh seed after the other, until the time is
// over (300 s by default). Ends with exit 1 at the first seed that fails, and prints how to replay it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Failure, failuresOf, replayOf } from "./support/history-failures.js";

const SECONDS = Number(process.argv[2] ?? 300);
const FIRST_SEED = Number(process.argv[3] ?? Date.now() % 1_000_000_000);

const say = (text: string) => void process.stdout.write(`${text}\n`);
const startedMs = performance.now();
const leftMs = () => Math.max(0, SECONDS * 1000 - (performance.now() - startedMs));
const folder = mkdtempSync(join(tmpdir(), "ota-gateway-histories-"));
const report = join(folder, "report.json");

/** The failures of one seed; undefined if the time was over before the end. */
function explore(seed: number): { readonly failures: readonly Failure[]; readonly printed: string } | undefined {
  const words = ["vitest", "run", "test/property", "--reporter=json", `--outputFile=${report}`];
  const { status, stdout, stderr, signal } = spawnSync("npx", words, {
    env: { ...process.env, HISTORY_SEED: String(seed) },
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: Math.ceil(leftMs()),
    killSignal: "SIGINT",
  });
  if (signal || leftMs() === 0) return undefined;
  if (status === 0) return { failures: [], printed: "" };
  return { failures: failuresOf(readFileSync(report, "utf8")), printed: stdout + stderr };
}

let rounds = 0;
let isWrong = false;
for (let seed = FIRST_SEED; leftMs() > 0 && !isWrong; seed++) {
  const round = explore(seed);
  if (!round) say(`seed ${seed}: not finished, the time is over`);
  else if (round.printed === "") say(`seed ${seed}: holds (${++rounds})`);
  else {
    isWrong = true;
    if (round.failures.length === 0) say(`WRONG: seed ${seed}\n${round.printed}`);
    for (const failure of round.failures) {
      say(
        `WRONG: seed ${seed}: ${failure.file}: ${failure.name}\n${failure.message}\nreplay: ${replayOf(failure, seed)}`,
      );
    }
  }
}
rmSync(folder, { recursive: true, force: true });
process.exit(isWrong ? 1 : 0);
