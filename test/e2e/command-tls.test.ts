// The TLS flags of the commands that ask a gateway: what they print besides the answer.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCertificateAuthority } from "../support/certificate-authority.js";
import { endPrograms, type GatewayProgram, run, runGateway } from "../support/processes.js";

const authority = createCertificateAuthority();
let folder: string;
let gateway: GatewayProgram;

const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "command-tls-"));
  const own = authority.issue({ dns: ["localhost"] });
  gateway = await runGateway("http://127.0.0.1:9", {
    OTA_TLS_CERT: file("tls.crt", own.cert),
    OTA_TLS_KEY: file("tls.key", own.key),
  });
  file("ca.crt", authority.cert);
  const mine = authority.issue({ commonName: "me" });
  file("mine.crt", mine.cert);
  file("mine.key", mine.key);
});
afterAll(async () => {
  await endPrograms();
  rmSync(folder, { recursive: true });
});

async function quota(...flags: string[]) {
  const program = run(["quota", "--address", gateway.grpc, ...flags]);
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

describe("ota-gateway quota over TLS to an address without a name", () => {
  it("prints no warning of Node's about it (was: DEP0123)", async () => {
    const { code, stderr } = await quota("--ca", join(folder, "ca.crt"));
    expect(stderr).toMatch(
      /^error: the certificate of 127.* is for another name; give that name with --server-name\n$/,
    );
    expect(code).toBe(1);
  });

  it("says nothing but the answer with a name that fits", async () => {
    const { code, stdout, stderr } = await quota("--ca", join(folder, "ca.crt"), "--server-name", "localhost");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("calls a second");
  });
});

describe("ota-gateway quota with files that are of no use", () => {
  const at = (name: string) => join(folder, name);

  it.each([
    [
      "authorities that are none",
      () => ["--ca", file("ca.txt", "no PEM")],
      /--ca \S+ca\.txt holds no certificate in PEM/,
    ],
    [
      "a key instead of its file",
      () => ["--cert", at("mine.crt"), "--key", "-----BEGIN x"],
      /--key wants the path of a file/,
    ],
    [
      "a token's file that is empty",
      () => ["--tls", "--token-file", file("token", "\n")],
      /--token-file names an empty file/,
    ],
    ["a key for a CA", () => ["--ca", at("mine.key")], /--ca \S+mine\.key holds no certificate in PEM/],
    [
      "a certificate for a key",
      () => ["--cert", at("mine.crt"), "--key", at("mine.crt")],
      /--key \S+ holds no private key in PEM/,
    ],
    [
      "another certificate's key",
      () => ["--cert", at("mine.crt"), "--key", at("tls.key")],
      /--key \S+tls\.key is not the key of --cert \S+mine\.crt/,
    ],
  ])("names the flag at %s, with 2", async (_, flags, message) => {
    const { code, stderr } = await quota(...flags());
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(code).toBe(2);
  });
});

describe("ota-gateway quota to a gateway that wants certificates of its own authority", () => {
  it("says that the one of --cert may not be accepted (was: does it want TLS)", async () => {
    const strangers = createCertificateAuthority("another authority");
    const foreign = strangers.issue({ commonName: "me" });
    const strict = await runGateway("http://127.0.0.1:9", {
      OTA_TLS_CERT: join(folder, "tls.crt"),
      OTA_TLS_KEY: join(folder, "tls.key"),
      OTA_TLS_CLIENT_CA: join(folder, "ca.crt"),
    });
    const own = ["--cert", file("foreign.crt", foreign.cert), "--key", file("foreign.key", foreign.key)];
    const trust = ["--ca", join(folder, "ca.crt"), "--server-name", "localhost"];
    const program = run(["quota", "--address", strict.grpc, ...trust, ...own]);
    expect(await program.ended).toBe(1);
    expect(program.stderr).toContain("accepts the certificate of --cert");
  });
});
