// Imported before the program: when it ends, prints the packages that it has loaded, and the
// modules of its own, as one line of JSON on standard error.
import { writeSync } from "node:fs";
import { registerHooks } from "node:module";

const loaded = new Set();
registerHooks({
  load(url, context, nextLoad) {
    loaded.add(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? url.replace(/.*\/dist\//, ""));
    return nextLoad(url, context);
  },
});
process.on("exit", () => writeSync(2, `${JSON.stringify({ loaded: [...loaded] })}\n`));
