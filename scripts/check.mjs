// Runs the parts of `npm run check` in parallel, and prints the output of each that fails. Exit 1
// if one fails.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));

/** Longest first. */
const PARTS = {
  "format and lint": ["@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."],
  "dead code": ["knip/bin/knip.js"],
  types: ["typescript/bin/tsc", "-p", "tsconfig.test.json"],
  "types of the admin page": ["typescript/bin/tsc", "-p", "src/observe/admin/page"],
  contract: ["@bufbuild/buf/bin/buf", "lint"],
  "contract breaks no client": ["@bufbuild/buf/bin/buf", "breaking", "--against", "proto/released.binpb"],
  "reference up to date": ["../scripts/reference.mjs", "--check"],
  "luck in tests": ["../scripts/check-tests.mjs"],
  English: ["../scripts/check-english.mjs"],
};

function run([script, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join("node_modules", script), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        printed += text;
      });
    }
    child.on("close", (code) => resolve({ isRight: code === 0, printed }));
  });
}

const waiting = Object.entries(PARTS);
let failed = 0;
async function work() {
  for (let part = waiting.shift(); part; part = waiting.shift()) {
    const [name, words] = part;
    const startedMs = performance.now();
    const { isRight, printed } = await run(words);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`${isRight ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
    if (isRight) continue;
    failed++;
    console.log(printed);
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exit(failed > 0 ? 1 : 0);
