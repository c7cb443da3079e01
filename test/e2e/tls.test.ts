// TLS at the real port: who is let in, as whom, and that certificates are rotated under load.
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createCertificateAuthority, type Pair, type Subject, selfSigned } from "../support/certificate-authority.js";
import { failureOf } from "../support/grpc-failure.js";
import {
  endPrograms,
  type GatewayProgram,
  run,
  runGateway,
  runScript,
  until,
  type Variables,
} from "../support/processes.js";
import { createTlsCaller, type TlsCaller, touch } from "../support/tls-caller.js";

const HOUR_MS = 3_600_000;
const LOCAL: Subject = { dns: ["localhost"] };

const authority = createCertificateAuthority();
const strangers = createCertificateAuthority("test authority");
const fleet = authority.issue({ commonName: "x", uris: ["spiffe://corp.example/fleet"] });

let folder: string;
let callers: TlsCaller[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ota-gateway-tls-"));
  callers = [];
});

afterEach(async () => {
  for (const caller of callers) caller.close();
  await endPrograms();
  rmSync(folder, { recursive: true });
});

const paths = (): Variables => ({ OTA_TLS_CERT: join(folder, "tls.crt"), OTA_TLS_KEY: join(folder, "tls.key") });

function put(pair: Partial<Pair>): void {
  if (pair.cert !== undefined) writeFileSync(join(folder, "tls.crt"), pair.cert);
  if (pair.key !== undefined) writeFileSync(join(folder, "tls.key"), pair.key);
}

/** A gateway whose upstream is nowhere: who asks for the quota needs none. */
async function start(variables: Variables = paths()): Promise<GatewayProgram & { readonly at: string }> {
  const gateway = await runGateway("http://127.0.0.1:9", variables);
  return Object.assign(gateway, { at: gateway.grpc.replace("127.0.0.1", "localhost") });
}

function withClientCa(): Variables {
  writeFileSync(join(folder, "ca.crt"), authority.cert);
  return { ...paths(), OTA_TLS_CLIENT_CA: join(folder, "ca.crt") };
}

function callerOf(address: string, own?: Pair): TlsCaller {
  const caller = createTlsCaller(address, authority.cert, own);
  callers.push(caller);
  return caller;
}

const serialOf = ({ cert }: Pair) => new X509Certificate(cert).serialNumber;

describe("a gateway with OTA_TLS_CERT and OTA_TLS_KEY", () => {
  it("answers over TLS 1.2 and 1.3, and neither older ones nor plain text", async () => {
    put(authority.issue(LOCAL));
    const gateway = await start();
    expect((await callerOf(gateway.at).ask()).callsPerSecond).toBe(10);
    expect((await touch(gateway.grpc)).protocol).toBe("TLSv1.3");
    expect((await touch(gateway.grpc, { maxVersion: "TLSv1.2" })).protocol).toBe("TLSv1.2");
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(touch(gateway.grpc, old)).rejects.toThrow(/protocol version/i);
    const weak = { maxVersion: "TLSv1.2", ciphers: "AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA" } as const;
    await expect(touch(gateway.grpc, weak)).rejects.toThrow(/handshake failure/i);
    await expect(touch(gateway.grpc, { ALPNProtocols: ["http/1.1"] })).rejects.toThrow(/no application protocol/i);
    await expect(fetch(`http://${gateway.grpc}`)).rejects.toThrow();
    expect(gateway.stderr).not.toContain("plain text");
  });

  it("is healthy for the container's own probe, with a client CA too", async () => {
    put(authority.issue(LOCAL));
    for (const variables of [paths(), withClientCa()]) {
      const gateway = await start(variables);
      await gateway.opened();
      const asked = { ...variables, OTA_LISTEN: gateway.grpc, OTA_ADMIN_LISTEN: gateway.admin.slice("http://".length) };
      expect(await runScript("healthcheck.js", [], asked).ended).toBe(0);
      gateway.kill("SIGKILL");
      await gateway.ended;
      const refused = runScript("healthcheck.js", [], asked);
      expect(await refused.ended).toBe(1);
      expect(refused.stderr).toMatch(/^unhealthy: .* cannot be asked: connect ECONNREFUSED 127\.0\.0\.1:\d+\n$/);
    }
  });

  it("does not start with a key that is another certificate's, and says what to do", async () => {
    put({ cert: authority.issue(LOCAL).cert, key: authority.issue(LOCAL).key });
    const program = run(["serve"], paths());
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(/OTA_TLS_KEY: is not the key of the first certificate in OTA_TLS_CERT; set/);
  });
});

describe("a gateway with OTA_TLS_CLIENT_CA", () => {
  it("knows a caller by its certificate, whatever it says of itself", async () => {
    put(authority.issue(LOCAL));
    const gateway = await start(withClientCa());
    await callerOf(gateway.at, fleet).ask({ "x-ota-caller": "somebody-else" });
    await callerOf(gateway.at, authority.issue({ dns: ["fleet.corp.example"] })).ask();
    await gateway.said(/"caller":"spiffe:\/\/corp.example\/fleet"/);
    await gateway.said(/"caller":"fleet.corp.example"/);
    expect(gateway.stderr).not.toContain("somebody-else");
  });

  it("refuses certificates that prove nothing, sends them nothing, and says why in the log", async () => {
    put(authority.issue(LOCAL));
    const gateway = await start(withClientCa());
    const refused: readonly (readonly [Pair | undefined, RegExp])[] = [
      [undefined, /no client certificate/],
      [selfSigned({ commonName: "fleet" }), /client certificate: DEPTH_ZERO_SELF_SIGNED_CERT/],
      [strangers.issue({ dns: ["fleet"] }), /client certificate: CERT_SIGNATURE_FAILURE/],
      [authority.issue({ dns: ["fleet"], endsInMs: -HOUR_MS }), /CERT_HAS_EXPIRED/],
      [authority.issue({ dns: ["fleet"], beginsInMs: HOUR_MS }), /CERT_NOT_YET_VALID/],
      [authority.issue({ dns: ["a b"] }), /no usable name/],
    ];
    for (const [own] of refused) {
      // By TLS 1.3 the client has done its part before the gateway has seen its certificate.
      expect((await touch(gateway.grpc, { ...own }, true)).received).toHaveLength(0);
      await expect(touch(gateway.grpc, { ...own, maxVersion: "TLSv1.2" })).rejects.toThrow(/disconnected/);
      expect(await failureOf(callerOf(gateway.at, own).ask())).toMatchObject({
        code: "UNAVAILABLE",
        reason: undefined,
      });
    }
    for (const [, reason] of refused) await gateway.said(reason); // the operator learns why
    await callerOf(gateway.at, fleet).ask();
  });
});

describe("rotation", () => {
  /** Asks without a pause, on one connection that stands and on new ones, until it is stopped. */
  function load(address: string) {
    const standing = callerOf(address);
    const failures: unknown[] = [];
    let asked = 0;
    let isOver = false;
    const loop = async (next: () => TlsCaller, done: (caller: TlsCaller) => void) => {
      while (!isOver) {
        const caller = next();
        await caller.ask().catch((error: unknown) => failures.push(error));
        asked++;
        done(caller);
      }
    };
    const loops = [
      loop(
        () => standing,
        () => {},
      ),
      ...[1, 2].map(() =>
        loop(
          () => createTlsCaller(address, authority.cert),
          (caller) => caller.close(),
        ),
      ),
    ];
    return {
      failures,
      asked: () => asked,
      stop: async () => {
        isOver = true;
        await Promise.all(loops);
      },
    };
  }

  const serves = async (address: string, pair: Pair) => (await touch(address)).serial === serialOf(pair);

  it("takes up whole pairs and no others, and no request fails", async () => {
    const [first, second, third] = [authority.issue(LOCAL), authority.issue(LOCAL), authority.issue(LOCAL)];
    put(first);
    const gateway = await start();
    const loading = load(gateway.at);
    await until(() => loading.asked() > 20);

    put({ cert: second.cert }); // half a rotation, and it stays half
    await gateway.said(/OTA_TLS_KEY: is not the key .* TLS files cannot be loaded/);
    expect(await serves(gateway.grpc, first)).toBe(true);
    put({ key: second.key.slice(0, 80) }); // half a file
    gateway.kill("SIGHUP");
    put({ key: second.key });
    await until(() => serves(gateway.grpc, second));

    put(third);
    gateway.kill("SIGHUP"); // at once
    await until(() => serves(gateway.grpc, third));
    const asked = loading.asked();
    await until(() => loading.asked() > asked + 20);
    await loading.stop();
    expect(loading.failures).toEqual([]);
    expect(gateway.stderr.match(/TLS files cannot be loaded/g)).toHaveLength(1);
  });

  it("follows a mounted secret, whose folder is swapped by a symlink", async () => {
    const [first, second] = [authority.issue(LOCAL), authority.issue(LOCAL)];
    const mount = (name: string, pair: Pair) => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, "tls.crt"), pair.cert);
      writeFileSync(join(folder, name, "tls.key"), pair.key);
      symlinkSync(name, join(folder, "..data_tmp"));
      renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
    };
    mount("..2026_01", first);
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("..data", name), join(folder, name));
    const gateway = await start();
    const loading = load(gateway.at);
    mount("..2026_02", second);
    rmSync(join(folder, "..2026_01"), { recursive: true });
    await until(() => serves(gateway.grpc, second));
    await loading.stop();
    expect(loading.failures).toEqual([]);
  });

  it("lets in by a new client CA, and no longer by the old one", async () => {
    put(authority.issue(LOCAL));
    const gateway = await start(withClientCa());
    const standing = callerOf(gateway.at, fleet);
    await standing.ask();
    writeFileSync(join(folder, "ca.crt"), strangers.cert);
    const newcomer = strangers.issue({ dns: ["newcomer"] });
    await until(() =>
      callerOf(gateway.at, newcomer)
        .ask()
        .then(
          () => true,
          () => false,
        ),
    );
    expect(await failureOf(callerOf(gateway.at, fleet).ask())).toMatchObject({ code: "UNAVAILABLE" });
    await standing.ask(); // until its connection ends
  });
});
