// Several accounts in one gateway, each with its own endpoint, keys and ledger: what happens to one is not felt in
// another.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { type Caller, createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import { endPrograms, openEmulator, runGateway, until } from "../support/processes.js";

afterEach(endPrograms);

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "ota-gateway-accounts-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function writeKeys(directory: string, secret: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "access-key-id"), "fileid\n");
  writeFileSync(join(directory, "access-key-secret"), `${secret}\n`);
}

function callerOf(grpc: string): Caller {
  const caller = createCaller(grpc);
  onTestFinished(() => caller.close());
  return caller;
}

describe("a gateway with several accounts", () => {
  it("serves all of one's requests while another's upstream answers none", async () => {
    const emulator = await openEmulator({ devices: 2000 });
    const silent = await startHttpUpstream(() => new Promise(() => {}));
    const config = join(folder(), "gateway.yaml");
    writeFileSync(
      config,
      `accounts:\n  default: { endpoint: "${silent.url}" }\n  other: { endpoint: "${emulator.url}" }\n`,
    );
    const gateway = await runGateway("http://127.0.0.1:1", { OTA_CONFIG: config, OTA_UPSTREAM_TIMEOUT_MS: "120000" });
    await gateway.opened();
    const caller = callerOf(gateway.grpc);
    const stuck = Array.from({ length: 300 }, (_, n) =>
      caller.cancel([seededName(n)], { firmwareId: `F${n}` }, 120_000),
    );
    const all = Array.from({ length: 2000 }, (_, n) => seededName(n));
    let settled = 0;
    for (const { answer } of stuck) answer.catch(() => {}).finally(() => settled++);
    await until(() => silent.calls.length === 10); // it has no token left
    const answer = await caller.cancel(all, { account: "other" }).answer;
    expect(answer).toMatchObject({ success: true, calls: { length: 10 } });
    expect(settled).toBe(0);
    for (const { leave } of stuck) leave();
    gateway.kill("SIGKILL");
    await silent.close();
  });

  it("signs for each with its own keys, also when they are changed, and knows no others", async () => {
    const directory = join(folder(), "keys");
    writeKeys(directory, "first");
    const fileKeys = await openEmulator({ devices: 10, accessKeyId: "fileid", accessKeySecret: "second" });
    const envKeys = await openEmulator({ devices: 10, accessKeyId: "envid", accessKeySecret: "envsecret" });
    const config = join(folder(), "gateway.yaml");
    writeFileSync(
      config,
      `accounts:
  files: { endpoint: "${fileKeys.url}", credentials: { files: ${directory} } }
  env: { endpoint: "${envKeys.url}", credentials: { env: EU_ } }
`,
    );
    const gateway = await runGateway("http://127.0.0.1:1", {
      OTA_CONFIG: config,
      EU_ALIBABA_CLOUD_ACCESS_KEY_ID: "envid",
      EU_ALIBABA_CLOUD_ACCESS_KEY_SECRET: "envsecret",
    });
    await gateway.opened();
    const caller = callerOf(gateway.grpc);
    expect((await caller.cancel([seededName(0)], { account: "env" }).answer).success).toBe(true);
    const refused = await failureOf(caller.cancel([seededName(0)], { account: "files" }, 3000).answer);
    expect(refused.code).toBe("INTERNAL");
    writeKeys(directory, "second");
    expect((await caller.cancel([seededName(1)], { account: "files" }).answer).success).toBe(true);

    for (const account of ["", "nobody"]) {
      const failure = await failureOf(caller.cancel([seededName(2)], { account }).answer);
      expect(failure.violations).toEqual([
        { field: "account", description: account ? "is not configured" : 'is required: there is no account "default"' },
      ]);
    }
  });

  it("does not start without the keys of one of them, and says which", async () => {
    const config = join(folder(), "gateway.yaml");
    writeFileSync(config, "accounts:\n  europe: { region: eu-central-1, credentials: { env: EU_ } }\n");
    await expect(runGateway("http://127.0.0.1:1", { OTA_CONFIG: config })).rejects.toThrow(
      /account europe: EU_ALIBABA_CLOUD_ACCESS_KEY_ID and .* are not set/,
    );
  });
});
