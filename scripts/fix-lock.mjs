// Run after changing dependencies: adds to package-lock.json the optional dependencies that npm
// left out because they could not be fetched on the machine where the lock was made. Without them
// `npm ci` refuses the lock ("Missing: … from lock file") on every other machine.
import { readFileSync, writeFileSync } from "node:fs";

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const libcs = { musl: "musl", musleabihf: "musl", gnu: "glibc", gnueabihf: "glibc" };
const cpus = {
  ...{ arm: "arm", armv7: "arm", arm64: "arm64", aarch64: "arm64", x64: "x64", ia32: "ia32" },
  ...{ ppc64: "ppc64", riscv64: "riscv64", s390x: "s390x", loong64: "loong64" },
};
let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key]) continue;
    // npm would take the range for a version and refuse the lock.
    if (!/^\d/.test(version))
      throw new Error(`${name}@${version} is a range; pin a release of its dependent without it`);
    const words = name.split("-");
    const os = words.filter((word) => systems.includes(word));
    const cpu = words.flatMap((word) => cpus[word] ?? []);
    const libc = words.flatMap((word) => libcs[word] ?? []);
    lock.packages[key] = {
      version,
      ...(entry.dev && { dev: true }),
      optional: true,
      ...(os.length > 0 && { os }),
      ...(cpu.length > 0 && { cpu }),
      ...(libc.length > 0 && { libc }),
    };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
console.log(`fix-lock: ${added} entries added`);
