// Packs the Node client as a package of its own: the compiled modules that it reaches, the
// descriptors of the contract, and as dependencies the packages that the modules import, in our
// versions. Nothing else gets into it.
//
// usage: npm run pack-client [-- FOLDER]      (the folder for the package; this one if absent)
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const destination = resolve(process.argv[2] ?? ".");
process.chdir(join(dirname(fileURLToPath(import.meta.url)), ".."));
const own = JSON.parse(readFileSync("package.json", "utf8"));
const staging = mkdtempSync(join(tmpdir(), "ota-gateway-client-"));
process.on("exit", () => rmSync(staging, { recursive: true })); // however it ends
const packages = new Set();
for (const kind of [".js", ".d.ts"]) copyReached(`client/client${kind}`, kind, new Set());

const manifest = {
  name: "ota-gateway-client",
  version: own.version,
  description: "Client of ota-gateway, which cancels over-the-air update tasks on Alibaba Cloud IoT Platform",
  license: own.license,
  type: "module",
  engines: { node: ">=22.13" }, // from there on, require() loads ES modules without a warning
  exports: {
    ".": { types: "./client/client.d.ts", default: "./client/client.js" },
    "./descriptors.binpb": "./descriptors.binpb",
  },
  dependencies: Object.fromEntries([...packages].sort().map((name) => [name, versionOf(name)])),
};
writeFileSync(join(staging, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(staging, "README.md"), readme());
// The contract with everything that it imports, for proxies that translate JSON over HTTP.
const { image } = await import("../dist/gen/image.js");
writeFileSync(join(staging, "descriptors.binpb"), Buffer.from(image, "base64"));
mkdirSync(destination, { recursive: true });
const args = ["pack", staging, "--pack-destination", destination, "--ignore-scripts", "--loglevel=error"];
const { status, error } = spawnSync("npm", args, { stdio: "inherit" });
if (error) throw error;
process.exit(status ?? 1);

/** Copies a module of dist and all that it imports, without the reference to a source map. */
function copyReached(file, kind, seen) {
  if (seen.has(file)) return;
  seen.add(file);
  const path = join("dist", file);
  if (!existsSync(path)) throw new Error(`pack-client: ${path} is missing; run: npm run pack-client`);
  const text = readFileSync(path, "utf8").replace(/^\/\/# sourceMappingURL=.*\n?/m, "");
  mkdirSync(join(staging, dirname(file)), { recursive: true });
  writeFileSync(join(staging, file), text);
  for (const [, name] of text.matchAll(/(?:^(?:import|export|\}).* from |^import |\bimport\()"([^"\s]+)"/gm)) {
    if (name.startsWith(".")) copyReached(join(dirname(file), name.replace(/\.js$/, kind)), kind, seen);
    else if (!name.startsWith("node:")) packages.add(name.match(/^(?:@[^/]+\/)?[^/]+/)[0]);
  }
}

function versionOf(name) {
  const version = own.dependencies[name];
  if (!version) throw new Error(`pack-client: the client imports ${name}, which is no dependency in package.json`);
  return version;
}

/** The example of our README. */
function readme() {
  const [example] = /```ts\n.*?```\n/s.exec(readFileSync("README.md", "utf8")) ?? [];
  if (!example) throw new Error("pack-client: README.md has no example in TypeScript");
  return `# ${manifest.name}\n\n${manifest.description}.\n\n${example}\nThe rest is in docs/clients.md of the gateway.\n`;
}
