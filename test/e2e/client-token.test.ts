// The token of `cancel` and `quota`, wherever it comes from, stands in nothing that they print.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { GetQuotaResponse } from "../../src/gen/ota/v1/ota_service.js";
import { listenOta } from "../support/fake-ota-service.js";
import { endPrograms, run } from "../support/processes.js";

const SECRET = "eyJhbGciOi.SECRET";
const CANCEL = ["cancel", "--product-key", "a1", "--firmware-id", "f1", "dev-0"];

afterEach(endPrograms);

function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-token-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "token");
  writeFileSync(path, text);
  return path;
}

async function gateway(): Promise<{ address: string; seen: unknown[] }> {
  const seen: unknown[] = [];
  const address = await listenOta({
    quota: ({ metadata }) => {
      seen.push(metadata.get("authorization")[0]);
      return GetQuotaResponse.fromPartial({ account: "default" });
    },
  });
  return { address, seen };
}

describe("ota-gateway", () => {
  it("sends OTA_TOKEN and a token's file without the line end", async () => {
    const { address, seen } = await gateway();
    const ends = [
      run(["quota", "--address", address], { OTA_TOKEN: ` ${SECRET}\n` }).ended,
      run(["quota", "--address", address, "--token-file", fileOf(`${SECRET}\r\n`)]).ended,
    ];
    expect(await Promise.all(ends)).toEqual([0, 0]);
    expect(seen).toEqual([`Bearer ${SECRET}`, `Bearer ${SECRET}`]);
  });

  it("does not print a token that cannot be sent (was: it did)", async () => {
    const { address } = await gateway();
    const token = `${SECRET}\n${SECRET}`;
    const programs = [
      run([...CANCEL, "--address", address], { OTA_TOKEN: token }),
      run([...CANCEL, "--address", address, "--token-file", fileOf(token)]),
      run(["quota", "--address", address], { OTA_TOKEN: token }),
    ];
    expect(await Promise.all(programs.map(({ ended }) => ended))).toEqual([2, 2, 2]);
    const wrong = "its token must be visible ASCII without blanks and quotes, has U+000A at 18";
    const places = ["OTA_TOKEN", "the file of --token-file", "OTA_TOKEN"];
    for (const [n, { stdout, stderr }] of programs.entries()) {
      expect(stderr).toContain(`error: ${places[n]} cannot be used: ${wrong}`);
      expect(stdout + stderr).not.toContain("SECRET");
    }
  });

  it("does not print a token that was given instead of its file", async () => {
    const program = run([...CANCEL, "--token-file", SECRET]);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("error: --token-file names a file that cannot be read: ENOENT\n");
    expect(program.stdout + program.stderr).not.toContain("SECRET");
  });
});
