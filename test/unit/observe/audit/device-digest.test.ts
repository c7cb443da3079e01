import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceDigest } from "../../../../src/observe/audit/device-digest.js";

describe("deviceDigest", () => {
  it("is the hash of the names, sorted, one a line", () => {
    expect(deviceDigest(["dev-2", "dev-1"])).toBe("d5d17fc69e368de26e5974cc3b3230346637844bc882f7fe5b97fd3677097eca");
    expect(deviceDigest([])).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  it("is what the command that the docs give computes", () => {
    const folder = mkdtempSync(join(tmpdir(), "digest-"));
    const names = ["b.dev", "B-dev", "a_dev", "a-dev", "a_dev", "0:dev", "@dev"];
    writeFileSync(join(folder, "names.txt"), names.map((name) => `${name}\n`).join(""));
    const command = "LC_ALL=C sort -u names.txt | head -c -1 | sha256sum";
    const sum = execFileSync("sh", ["-c", command], { cwd: folder, encoding: "utf8" });
    rmSync(folder, { recursive: true });
    expect(`${deviceDigest(names)}  -\n`).toBe(sum);
  });

  it("does not depend on order or repetition, and on everything else", () => {
    const names = fc.array(fc.stringMatching(/^[A-Za-z0-9\-_@.:]{4,6}$/), { maxLength: 8 });
    fc.assert(
      fc.property(names, fc.infiniteStream(fc.nat()), (list, order) => {
        const shuffled = [...list, ...list.slice(0, 3)]
          .map((name) => ({ name, key: order.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ name }) => name);
        expect(deviceDigest(shuffled)).toBe(deviceDigest(list));
        expect(deviceDigest([...list, "another"])).not.toBe(deviceDigest(list));
      }),
    );
  });
});
