// Imported before the program: when it ends, prints the packages that it has loaded, and the
// modules of its own, as one line of JSON on standard error. The source map of a bundled file names
// what is in it.
import { readFileSync, writeSync } from "node:fs";
import { registerHooks } from "node:module";

const files = new Set();
registerHooks({
  load(url, context, nextLoad) {
    files.add(url);
    return nextLoad(url, context);
  },
});

function contentsOf(url) {
  if (!url.includes("/dist/")) return [url];
  const { sources } = JSON.parse(readFileSync(new URL(`${url}.map`), "utf8"));
  return sources.map((source) => new URL(source, url).href);
}

function nameOf(url) {
  const ofPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  return ofPackage ?? url.replace(/.*\/src\/(.*)\.ts$/, "$1.js");
}

process.on("exit", () => {
  const loaded = new Set([...files].flatMap(contentsOf).map(nameOf));
  writeSync(2, `${JSON.stringify({ loaded: [...loaded] })}\n`);
});
