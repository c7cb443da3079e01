import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { addGatewayFlags, clientBy } from "../../../src/cli/gateway-flags.js";
import { GetQuotaResponse } from "../../../src/gen/ota/v1/ota_service.js";
import { listenOta } from "../../support/fake-ota-service.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-flags-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("addGatewayFlags", () => {
  it("shows nothing of the value of a flag that it does not know (was: a token, in the log of a job)", async () => {
    const command = addGatewayFlags(new Command("quota")).exitOverride();
    const texts: string[] = [];
    command.configureOutput({ writeErr: (text) => void texts.push(text) });
    await expect(command.parseAsync(["--token=eyJ.secret"], { from: "user" })).rejects.toThrow();
    const printed = texts.join("");
    expect(printed).toMatch(/^error: unknown option '--token'/);
    expect(printed).not.toContain("secret");
  });
});

describe("clientBy", () => {
  it("takes a token from a pipe, for all of its calls (was: it was empty at the first)", async () => {
    const seen: unknown[] = [];
    const address = await listenOta({
      quota: ({ metadata }) => {
        seen.push(metadata.get("authorization")[0]);
        return GetQuotaResponse.fromPartial({});
      },
    });
    const tokenFile = join(folder, "pipe");
    execFileSync("mkfifo", [tokenFile]);
    spawn("sh", ["-c", `echo a.b.c > ${tokenFile}`]);
    const command = addGatewayFlags(new Command("quota"));
    const client = clientBy({ address, tokenFile }, command);
    onTestFinished(() => client.close());
    for (let n = 0; n < 2; n++) await client.getQuota("", { timeoutMs: 5000 });
    expect(seen).toEqual(["Bearer a.b.c", "Bearer a.b.c"]);
  });
});
