// Programs that tests need and npm does not have: found, or installed from Debian's packages where that is allowed.
import { spawnSync } from "node:child_process";

/** Whether all of them are here now. If not, it says what to install: the tests that need them are left out. */
export function provide(programs: readonly string[], packages: readonly string[]): boolean {
  if (programs.every(isThere) || (install(packages) && programs.every(isThere))) return true;
  process.stderr.write(`left out: tests that need ${programs.join(", ")}; apt-get install ${packages.join(" ")}\n`);
  return false;
}

/** Installs packages if that is possible here; somebody else may be installing others. */
export function install(packages: readonly string[]): boolean {
  if (process.getuid?.() !== 0 || !isThere("apt-get")) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...words: string[]) =>
    spawnSync("apt-get", ["-qq", "-o", "DPkg::Lock::Timeout=300", ...words], { env }).status === 0;
  const add = () => apt("install", "-y", "--no-install-recommends", ...packages);
  return add() || (apt("update") && add());
}

export function isThere(program: string): boolean {
  return spawnSync("which", [program]).status === 0;
}
