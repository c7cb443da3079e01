// What clients without credentials, and callers with the least rights, can make a gateway hold that runs with the heap of
// the manifests. Growth is bounded generously; what lets go by time is tested with a clock turned by hand in
// test/unit/grpc/transport/stream-gate.test.ts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { begin, occupy, STRANGE } from "../fuzz/strangers.js";
import { bearing, visitorOf } from "../support/all-rpcs.js";
import { onlyContainer, variablesOf } from "../support/deployed.js";
import { AUDIENCE, createIssuer, ISSUER, type Issuer, keySetOf } from "../support/issuer.js";
import { manifestIn } from "../support/manifests.js";
import { endPrograms, type GatewayProgram, runEmulator, runGateway, until } from "../support/processes.js";

const deployment = manifestIn("deploy/kubernetes/gateway/deployment.yaml", "Deployment");
const NODE_OPTIONS = String(variablesOf(onlyContainer(deployment))["NODE_OPTIONS"]);

/** Below the limit of 512 MB, and what the judged load may take. */
const MOST_MB = 350;

/** All that HTTP/2 lets through. */
const HEADER_BYTES = 58_000;

let folder: string;
let keys: string;
let issuer: Issuer;
let gateway: GatewayProgram;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "strangers-"));
  keys = join(folder, "jwks.json");
  issuer = await createIssuer();
  writeFileSync(keys, keySetOf(issuer));
  const { url } = await runEmulator("--devices", "50");
  const tokens = { OTA_JWT_ISSUER: ISSUER, OTA_JWT_AUDIENCE: AUDIENCE, OTA_JWT_JWKS: keys };
  gateway = await runGateway(url, { ...tokens, NODE_OPTIONS });
  await gateway.opened();
});
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true });
});

/** The most that the process has ever held. */
function peakMb(): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

async function isWell(): Promise<boolean> {
  const visitor = visitorOf(gateway.grpc, bearing(await issuer.token()));
  const ready = await fetch(`${gateway.admin}/readyz`);
  await visitor.quota().finally(() => visitor.close());
  return ready.ok;
}

/** By reason, as the metrics tell it. */
async function refusals(): Promise<Record<string, number>> {
  const text = await (await fetch(`${gateway.admin}/metrics`)).text();
  const lines = text.matchAll(/^ota_refusals_total\{ota_reason="([^"]*)",client_address="127\.0\.0\.1"\} (\d+)/gm);
  return Object.fromEntries([...lines].map(([, reason, count]) => [reason, Number(count)]));
}

describe(`a gateway that needs tokens, with ${NODE_OPTIONS}`, () => {
  it.each(Object.entries(STRANGE))(
    "holds no headers of %s that HTTP/2 sends for almost nothing (was: 300 KB ended the process)",
    async (_, method) => {
      const strangers = await occupy(gateway.grpc, method, {
        connections: 12,
        streams: 500,
        headerBytes: HEADER_BYTES,
      });
      await until(async () => ((await refusals())["headers too large, again and again"] ?? 0) > 0);
      expect(await isWell()).toBe(true);
      strangers.leave();
      expect(peakMb()).toBeLessThan(MOST_MB);
    },
  );

  it.each(Object.entries(STRANGE))(
    "bounds the number of streams of %s with few headers, and serves callers with tokens",
    async (_, method) => {
      const before = await refusals();
      const strangers = await occupy(gateway.grpc, method, { connections: 12, streams: 500, headerBytes: 0 });
      const isCounted = async () =>
        Object.entries(await refusals()).some(
          ([reason, count]) => /^too many/.test(reason) && count > (before[reason] ?? 0),
        );
      await until(isCounted);
      expect(await isWell()).toBe(true);
      expect(strangers.open()).toBeGreaterThan(0); // their connections are let be
      strangers.leave();
      expect(peakMb()).toBeLessThan(MOST_MB);
    },
  );

  it("takes no message of reflection that is longer than any question", async () => {
    const strangers = await begin(gateway.grpc, STRANGE.reflection, 6, 80);
    await until(() => strangers.statuses.length >= 400);
    expect(new Set(strangers.statuses)).toEqual(new Set(["8"]));
    expect(await isWell()).toBe(true);
    strangers.leave();
    expect(peakMb()).toBeLessThan(MOST_MB);
  });

  it("bounds what a caller with a token has begun to send (was: 380 MB on two connections)", async () => {
    const token = bearing(await issuer.token({ sub: "alice" }));
    const stream = "ota.v1.OtaService/StreamCancelTasksByDevice";
    const alice = await begin(gateway.grpc, stream, 2, 280, token);
    await until(() => alice.statuses.length > 300);
    expect(new Set(alice.statuses)).toEqual(new Set(["8"]));
    expect(await isWell()).toBe(true);
    alice.leave();
    expect(peakMb()).toBeLessThan(MOST_MB);
  });

  it("names in its log who was refused, in few lines", async () => {
    await until(() => gateway.stderr.includes("connections or requests were refused"));
    const lines = gateway.stderr.split("\n").filter((line) => line.includes("were refused"));
    expect(JSON.parse(lines[0] as string).addresses).toHaveProperty(["127.0.0.1"]);
    expect(lines.length).toBeLessThan(60);
  });
});
