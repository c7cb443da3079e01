// Bundles what `dist/cli.js` loads, in place: some 1,200 modules become a few files, which halves
// the processor time of every start (docs/adr/0034-programs-start-from-bundles.md). Every other
// module stays as tsc wrote it: the client, the emulator as a library, and workers.
//
// usage: node scripts/bundle.mjs      (after tsc; bootstrap.mjs calls it)
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../dist");

const requireFrom = createRequire(import.meta.url);

/** Modules that are imported by their path: by cli.js, and by test/support/warm-start.mjs. */
const ENTRIES = ["cli/program.js", "cli/serve.js", "serve/serve.js", "observe/telemetry/sdk.js"];

/** Packages that only some settings need, and that find parts of their own at run time. */
const OUTSIDE = ["@alicloud/credentials", "ioredis", "pg"];

/**
 * Packages that only some settings need, and that others name at their top: the SDK of
 * OpenTelemetry has every exporter. Their modules run when a name of the package is first used.
 */
const DEFERRED = [
  "yaml",
  "@opentelemetry/configuration",
  "@opentelemetry/context-async-hooks",
  "@opentelemetry/exporter-logs-otlp-grpc",
  "@opentelemetry/exporter-logs-otlp-http",
  "@opentelemetry/exporter-logs-otlp-proto",
  "@opentelemetry/exporter-metrics-otlp-grpc",
  "@opentelemetry/exporter-metrics-otlp-http",
  "@opentelemetry/exporter-metrics-otlp-proto",
  "@opentelemetry/exporter-trace-otlp-grpc",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/exporter-trace-otlp-proto",
  "@opentelemetry/exporter-zipkin",
  "@opentelemetry/propagator-b3",
  "@opentelemetry/propagator-jaeger",
  "@opentelemetry/sdk-trace-node",
];

/** The connections of undici. Its main module also runs `fetch`, caches, mocks and WebSockets. */
const UNDICI = `
  Object.assign(require("undici/lib/dispatcher/dispatcher.js").prototype, require("undici/lib/api/index.js"));
  exports.Pool = require("undici/lib/dispatcher/pool.js");
  exports.ProxyAgent = require("undici/lib/dispatcher/proxy-agent.js");
  ${deferred("fetch", "undici/index.js")}
`;

/** A source map that names the file, and its first line for each place in it. */
const COARSE = Buffer.from(JSON.stringify({ version: 3, sources: [""], mappings: "AAAA" })).toString("base64");

await build({
  absWorkingDir: DIST,
  entryPoints: ENTRIES,
  external: OUTSIDE,
  outdir: ".",
  outbase: ".",
  allowOverwrite: true,
  chunkNames: "bundled/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  sourcemap: true,
  sourcesContent: false,
  // Less to read at each start, a sixth of its time. Names stay, since stack traces show them.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none", // node_modules, beside dist in the image, has the licenses
  logLevel: "warning",
  // Packages in CommonJS ask for Node's modules by `require`.
  banner: {
    js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
  },
  plugins: [{ name: "packages and places", setup }],
});

function setup({ onResolve, onLoad }) {
  // An `import` of node:http calls all of its getters, and one of them loads an HTTP client that
  // nobody uses: 70 ms. This takes the names without a getter.
  onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
    kind === "require-call" ? undefined : { path: "node:http", namespace: "without getters" },
  );
  onLoad({ filter: /^/, namespace: "without getters" }, ({ path }) => {
    const properties = Object.entries(Object.getOwnPropertyDescriptors(requireFrom(path)));
    const names = properties.filter(([, { get }]) => !get).map(([name]) => name);
    return {
      contents: `const builtin = process.getBuiltinModule("${path}");
        export const { ${names.join(", ")} } = builtin;
        export default builtin;`,
    };
  });
  onResolve({ filter: /^[@\w]/ }, ({ path, namespace }) =>
    namespace === "file" && (path === "undici" || DEFERRED.includes(path))
      ? { path, namespace: "deferred" }
      : undefined,
  );
  onLoad({ filter: /^/, namespace: "deferred" }, ({ path }) => {
    const names = path === "undici" ? [] : Object.keys(requireFrom(path));
    const contents = path === "undici" ? UNDICI : names.map((name) => deferred(name, path)).join("\n");
    return { contents, resolveDir: DIST };
  });
  onLoad({ filter: /\.[cm]?js$/ }, ({ path }) => {
    const text = readFileSync(path, "utf8");
    // Node reads all maps at the start, and those of packages would be most of them.
    if (path.includes("/node_modules/")) return { contents: withCoarseMap(text), loader: "js" };
    // `import.meta.url` goes on naming the module's own place, since files are found from there.
    const place = JSON.stringify(relative(join(DIST, "bundled"), path));
    return { contents: text.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`), loader: "js" };
  });
}

/** Exports a name of a module that runs when the name is used. */
function deferred(name, module) {
  const [quotedName, quotedModule] = [name, module].map((text) => JSON.stringify(text));
  return `Object.defineProperty(exports, ${quotedName}, { enumerable: true, get: () => require(${quotedModule})[${quotedName}] });`;
}

function withCoarseMap(text) {
  const bare = text.replaceAll("//# sourceMappingURL=", "// ");
  return `${bare}\n//# sourceMappingURL=data:application/json;base64,${COARSE}`;
}
