// Programs that tests need and npm does not have: found, or taken from Debian's packages where that is allowed.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What has been unpacked stays for the next run. */
const UNPACKED = fileURLToPath(new URL("../../node_modules/.cache/debian/", import.meta.url));

/**
 * Whether all of them are here now, and whatever else is needed. If not, it says what to install: the tests that need
 * them are left out.
 */
export function provide(programs: readonly string[], packages: readonly string[], also = () => true): boolean {
  const areThere = () => programs.every(isThere) && also();
  if (areThere() || (install(packages) && areThere())) return true;
  process.stderr.write(`left out: tests that need ${programs.join(", ")}; apt-get install ${packages.join(" ")}\n`);
  return false;
}

/** Installs packages if that is possible here; somebody else may be installing others. */
export function install(packages: readonly string[]): boolean {
  return fetched(["install", "-y", "--no-install-recommends", ...packages]);
}

/**
 * The path of one program out of a package that would start a daemon if it were installed: found, or unpacked and no
 * more. Undefined, and what to do said, if it cannot be had: the tests that need it are left out.
 */
export function takeOut(program: string, from: string): string | undefined {
  if (isThere(program)) return program;
  const taken = join(UNPACKED, program);
  if (existsSync(taken)) return taken;
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-deb-"));
  try {
    if (fetched(["download", from], folder)) {
      const [archive = ""] = readdirSync(folder);
      spawnSync("dpkg-deb", ["-x", archive, "x"], { cwd: folder });
      const unpacked = join(folder, "x/usr/bin", program);
      if (existsSync(unpacked)) {
        mkdirSync(dirname(taken), { recursive: true });
        cpSync(unpacked, `${taken}.new`);
        renameSync(`${taken}.new`, taken);
        return taken;
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  process.stderr.write(`left out: tests that need ${program}; it is in Debian's package ${from}\n`);
  return undefined;
}

export function isThere(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}

/** Whether apt-get did it, if need be with newer lists. */
function fetched(words: readonly string[], cwd?: string): boolean {
  if (process.getuid?.() !== 0 || !isThere("apt-get")) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...command: readonly string[]) =>
    spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...command], { env, cwd }).status === 0;
  return apt(...words) || (apt("update") && apt(...words));
}
