// What others' code gets into a build, and into the image: from the lock file, checked, under licences that allow it,
// and without running anything of its own on the way.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: true;
  readonly optional?: true;
  readonly hasInstallScript?: true;
}

/** Whatever is shipped may be shipped under each of these, with its text beside it. Another one: ask, then add it. */
const PERMISSIVE = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"]);

/** They would run something when installed, and do not need it: looks for a binary that npm has put there already. */
const SCRIPTS_NOT_NEEDED = ["@bufbuild/buf", "esbuild", "msgpackr-extract", "protobufjs"];

const textOf = (path: string) => readFileSync(path, "utf8");
const manifest = JSON.parse(textOf("package.json")) as Record<string, Record<string, string>>;
const lock = JSON.parse(textOf("package-lock.json")) as { readonly packages: Readonly<Record<string, Locked>> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
const shipped = packages.filter(([, { dev }]) => !dev);

describe("the lock file", () => {
  it("has a hash for everything that is shipped, and for everything else but what other systems need", () => {
    expect(shipped.length).toBeGreaterThan(50);
    expect(shipped.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"))).toEqual([]);
    expect(packages.filter(([, { integrity, optional }]) => !integrity && !optional)).toEqual([]);
  });

  it("names no address, so that a package comes from where the machine is told to get packages", () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it("goes with exact versions in package.json", () => {
    const versions = { ...manifest["dependencies"], ...manifest["devDependencies"] };
    for (const [name, version] of Object.entries(versions)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });
});

describe("what is shipped", () => {
  it("is under permissive licences alone, by the lock file and by what is installed", () => {
    for (const [path, { license = "none" }] of shipped) {
      expect(foreignTo(PERMISSIVE, license), `${path}: ${license}`).toEqual([]);
      const installed = JSON.parse(textOf(`${path}/package.json`)) as { readonly license?: string };
      expect(installed.license, path).toBe(license);
    }
  });

  it.each([
    ["GPL-3.0-only", ["GPL-3.0-only"]],
    ["(MIT OR GPL-2.0)", ["GPL-2.0"]],
    ["Apache-2.0 WITH LLVM-exception", ["LLVM-exception"]],
    ["SEE LICENSE IN LICENSE.md", ["SEE", "LICENSE", "IN", "LICENSE.md"]],
    ["none", ["none"]],
  ])("is not to be under %s unasked", (license, foreign) => {
    expect(foreignTo(PERMISSIVE, license)).toEqual(foreign);
  });
});

describe("an installation", () => {
  it("runs nobody's scripts: all tests pass on one that was made without", () => {
    expect(textOf(".npmrc").split("\n")).toContain("ignore-scripts=true");
    const installs = textOf("scripts/bootstrap.mjs").match(/\[\s*"(ci|install|i)",[^\]]*\]/g) ?? [];
    expect(installs.length).toBeGreaterThan(0);
    for (const each of installs) expect(each).toContain('"--ignore-scripts"');
    expect(textOf("Dockerfile").match(/\bnpm (ci|install|i|exec)\b|\bnpx\b/g)).toBeNull();
  });

  it("has no package with a script that nobody has looked at", () => {
    const withScript = packages.filter(([, { hasInstallScript }]) => hasInstallScript);
    const names = withScript.map(([path]) => path.split("node_modules/").at(-1));
    expect(names.toSorted()).toEqual(SCRIPTS_NOT_NEEDED);
  });
});

/** Every licence and exception of an SPDX expression that is not allowed. Also of those one could choose: ask first. */
function foreignTo(allowed: ReadonlySet<string>, expression: string): string[] {
  const words = expression.split(/[\s()]+/).filter((word) => word !== "" && !["AND", "OR", "WITH"].includes(word));
  return words.filter((word) => !allowed.has(word));
}
