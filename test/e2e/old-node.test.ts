import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Runs the program as if on that release of Node. */
function runOn(version: string) {
  const pretend = `Object.defineProperty(process.versions, "node", { value: "${version}" })`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`, "dist/cli.js", "--version"];
  return spawnSync(process.execPath, args, { encoding: "utf8" });
}

describe("dist/cli.js", () => {
  it.each(["20.20.2", "24.14.9"])("says on Node %s in one sentence what to do, and exits with 2", (version) => {
    const { status, stdout, stderr } = runOn(version);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(
        `^ota-gateway needs Node 24\\.15 or later, but this is ${version}; (install Node|type \\S+ dist/cli.js) .*\n$`,
      ),
    );
  });

  it.each(["24.15.0", "24.22.3", "26.0.0"])("runs on Node %s", (version) => {
    expect(runOn(version)).toMatchObject({ status: 0, stderr: "" });
  });
});
