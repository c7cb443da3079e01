#!/usr/bin/env node
// The entry point. Refuses a Node that is older than package.json asks for, with one sentence,
// before it loads anything that such a Node cannot run.
import { existsSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const { version, engines } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};
const least = engines.node.replace(">=", "");
if (isOlder(process.versions.node, least)) {
  const pinned = fromHere(new URL("node_modules/.bin/node", root));
  const cure = existsSync(pinned) ? `type ${pinned} ${fromHere(new URL(import.meta.url))} …` : `install Node ${least}`;
  process.stderr.write(`ota-gateway needs Node ${least} or later, but this is ${process.versions.node}; ${cure}\n`);
  process.exit(2);
}
const { runProgram } = await import("./cli/program.js");
await runProgram(version);

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = than.split(".").map(Number);
  return major < leastMajor || (major === leastMajor && minor < leastMinor);
}

function fromHere(file: URL): string {
  return relative(process.cwd(), fileURLToPath(file));
}
