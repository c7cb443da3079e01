// The flags that Node is given: see docs/adr/0021. What is measured and tested runs with those of the image.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { NODE_FLAGS } from "../support/processes.js";

describe("Node's flags", () => {
  it("are the same in the image and for `npm start`", () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
    expect(NODE_FLAGS).toHaveLength(3);
    expect(scripts["start"]).toContain(`exec node ${NODE_FLAGS.join(" ")} dist/cli.js`);
  });

  it("leave room below the limit of memory in Kubernetes: three spaces for what is new, one for what is old, and 64 MB", () => {
    const deployment = readFileSync("deploy/kubernetes/gateway/deployment.yaml", "utf8");
    const numberIn = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1]);
    const newMb = 3 * numberIn(NODE_FLAGS.join(" "), /--max-semi-space-size=(\d+)/);
    const oldMb = numberIn(deployment, /--max-old-space-size=(\d+)/);
    expect(newMb + oldMb + 64).toBeLessThanOrEqual(numberIn(deployment, /limits: \{ memory: (\d+)Mi \}/));
  });

  it("are known to this Node, and the young generation has room for what they say", () => {
    const tell = "console.log(require('node:v8').getHeapStatistics().heap_size_limit)";
    const limitOf = (flags: readonly string[]) => Number(spawnSync(process.execPath, [...flags, "-e", tell]).stdout);
    const spaceMb = Number(/--max-semi-space-size=(\d+)/.exec(NODE_FLAGS.join(" "))?.[1]);
    // Against a space of 1 MB and not against the default, which differs from one Node to the next.
    expect(limitOf(NODE_FLAGS) - limitOf(["--max-semi-space-size=1"])).toBe(3 * (spaceMb - 1) * 2 ** 20);
  });
});
