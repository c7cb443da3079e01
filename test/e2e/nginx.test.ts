// The configuration of deploy/nginx with a real nginx, in front of two gateways: what callers see
// through it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Client, connect, OtaError } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCertificateAuthority } from "../support/certificate-authority.js";
import { freePort } from "../support/free-port.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";
import { programPath, systemHas } from "../support/system.js";

const authority = createCertificateAuthority();
const { productKey, firmwareId } = DEFAULTS;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "nginx-"));
  mkdirSync(join(folder, "tls"));
  const own = authority.issue({ dns: ["localhost"] });
  writeFileSync(join(folder, "tls/tls.crt"), own.cert);
  writeFileSync(join(folder, "tls/tls.key"), own.key);
});
afterAll(endPrograms);
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs nginx in front of these gateways, and connects a caller to it. */
async function callerThroughNginx(...gateways: readonly GatewayProgram[]): Promise<Client> {
  const port = await freePort();
  const servers = gateways.map(({ grpc }) => `server ${grpc};`).join(" ");
  const site = readFileSync("deploy/nginx/ota-gateway.conf", "utf8")
    .replace("server 127.0.0.1:50051;", servers)
    .replace("listen 8443", `listen 127.0.0.1:${port}`)
    .replaceAll("/etc/nginx/tls", join(folder, "tls"));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {}\n` +
      `http { access_log off; ${temporary.join(" ")}\n${site}}\n`,
  );
  const nginx = spawn(programPath("nginx") ?? "", ["-p", folder, "-c", join(folder, "nginx.conf"), "-e", "stderr"]);
  let said = "";
  nginx.stderr.on("data", (text: Buffer) => {
    said += text.toString();
  });
  const ended = once(nginx, "exit");
  const client = connect(`127.0.0.1:${port}`, { tls: { ca: authority.cert, serverName: "localhost" } });
  onTestFinished(async () => {
    client.close();
    nginx.kill("SIGKILL");
    await ended;
  });
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  await until(() => {
    if (isOver) throw new Error(said);
    return client.getQuota().then(
      () => true,
      () => gateways.length === 0,
    );
  });
  return client;
}

/** More than a mebibyte of names, which is the most that nginx takes unless it is told otherwise. */
const DEVICES = 80_000;

describe.runIf(systemHas("nginx"))("a caller through nginx", () => {
  let emulator: EmulatorProgram;
  let gateway: GatewayProgram;
  beforeAll(async () => {
    emulator = await runEmulator("--devices", `${DEVICES}`, "--quota", "1000");
    gateway = await runGateway(emulator.url, { OTA_QUOTA_CALLS_PER_SECOND: "1000" });
  });

  it("cancels in single requests and in a stream of more than a megabyte, and reads why one failed", async () => {
    const client = await callerThroughNginx(gateway);
    const scope = { productKey, firmwareId };
    const { success } = await client.cancelTasksByDevice({ ...scope, deviceNames: [seededName(0)] });
    expect(success).toBe(true);
    const names = Array.from({ length: DEVICES }, (_, n) => seededName(n));
    expect(names.join("").length).toBeGreaterThan(2 ** 20);
    let ok = 0;
    for await (const result of client.cancelAll(names, scope)) if (result.ok) ok++;
    expect(ok).toBe(DEVICES);
    const failure = await client.cancelTasksByDevice({ ...scope, deviceNames: ["no-such-device"] }).catch((e) => e);
    expect(failure).toBeInstanceOf(OtaError);
    expect(failure).toMatchObject({ code: "NOT_FOUND", reason: "REJECTED" });
  });

  it("has its deadline kept by the gateway, which says why", async () => {
    const client = await callerThroughNginx(gateway);
    const slow = { action: "CancelOTATaskByDevice", fault: { kind: "delay", delayMs: 8000 } };
    await faults([slow]);
    onTestFinished(() => faults([]));
    const asked = { productKey, firmwareId, deviceNames: [seededName(0)] };
    const failure = await client.cancelTasksByDevice(asked, { timeoutMs: 4000 }).catch((error) => error);
    expect(failure).toMatchObject({ code: "UNKNOWN", reason: "OUTCOME_UNKNOWN" });
  });

  it("notices nothing of a gateway that drains, and is told to come back when all are away", async () => {
    const settings = { OTA_QUOTA_CALLS_PER_SECOND: "100" };
    const gateways = [await runGateway(emulator.url, settings), await runGateway(emulator.url, settings)] as const;
    await Promise.all(gateways.map((gateway) => gateway.opened()));
    const client = await callerThroughNginx(...gateways);
    const ask = (n: number) => client.cancelTasksByDevice({ productKey, firmwareId, deviceNames: [seededName(n)] });
    const outcomes: boolean[] = [];
    for (let n = 0; n < 200; n++) {
      if (n === 50) gateways[0].kill("SIGTERM");
      outcomes.push((await ask(n)).success);
    }
    await gateways[0].ended;
    expect(outcomes.filter((success) => !success)).toEqual([]);
    gateways[1].kill("SIGKILL");
    await gateways[1].ended;
    expect(await client.getQuota().catch((error) => error)).toMatchObject({ code: "UNAVAILABLE" });
  });

  async function faults(rules: readonly object[]): Promise<void> {
    const { ok } = await fetch(`${emulator.url}/__faults`, { method: "PUT", body: JSON.stringify({ rules }) });
    expect(ok).toBe(true);
  }
});
