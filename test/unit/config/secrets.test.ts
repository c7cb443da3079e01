// No mistake in the settings or the file repeats what may be a secret, however it is mistyped.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { serveCommand } from "../../../src/cli/serve.js";
import { type Environment, readConfig } from "../../../src/config/config.js";

/** What it throws. */
function told(environment: Environment): string {
  try {
    readConfig(environment);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

function toldOfFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "gateway.yaml");
  writeFileSync(path, text);
  return told({ OTA_CONFIG: path }).replace(path, "FILE");
}

describe("readConfig", () => {
  it.each([
    "redis://:pa/ssSECRET@host:6379",
    "redis://:pw1@a:6379,redis://:SECRET3@b:99999",
    "redis://SECRET:12/34@host:6379",
    "redis://SECRET:12?34@host:6379",
    "redis://SECRET:12#34@host:6379",
    "redis://:SECRET%@host:6379",
    "user:SECRET@host:6379",
    "http://host/SECRET",
    "redis+sentinel://:SEC/RET@host:26379/group",
    "redis+sentinel://:SECRET@host:26379,host2:26379",
    "redis+sentinel://host:26379/group?password=SECRET",
    "redis+sentinel://host:26379/group?sentinelPassword=SEC@RET",
    "redis+sentinel://host:26379/group?sentinelPassword=SECRET%",
    "redis://:SECRET@a:6379,rediss://b:6379",
  ])("repeats nothing of the address of Redis, which is a secret (was: %s was shown)", (text) => {
    expect(told({ OTA_REDIS_URL: text })).toContain(
      "OTA_REDIS_URL: expected redis://host:port or rediss://host:port, several of one kind with commas for a Cluster, or redis+sentinel://host:port,host:port/group; in a password , / ? # % @ percent-encoded, not what was given",
    );
    expect(told({ OTA_REDIS_URL: text })).not.toMatch(/SECRET|pw1/);
  });

  it.each([
    ["https://me:SEC/RET@iot.example", "https://***@iot.example"],
    ["https://me:SEC@RET@iot.example", "https://***@iot.example"],
    ["https://me:SEC//RET@iot.example", "https://***@iot.example"],
    ["me:SECRET@iot.example", "***@iot.example"],
    ["https://:SECRET@iot.example", "https://***@iot.example"],
    ["https://iot.example/?token=SECRET", "https://iot.example/?***"],
  ])("shows of %s only the rest", (text, rest) => {
    const found = told({ OTA_UPSTREAM_URL: text });
    expect(found).toContain(`not "${rest}"`);
    expect(found).not.toMatch(/SEC|RET/);
  });

  it("does not take an address with a password for that of the keys (was: fetch put it into its error)", () => {
    const text = "https://:SECRET@issuer.example/keys";
    const found = told({ OTA_JWT_JWKS: text, OTA_JWT_ISSUER: "i", OTA_JWT_AUDIENCE: "a" });
    expect(found).toContain('not "https://***@issuer.example/keys"');
  });

  it.each([
    ["SEC\u200bRET", "U+200B at 4"],
    ["SEC RET", "U+0020 at 4"],
    ['"SECRET"', "U+0022 at 1"],
    ["SEC\nRET", "U+000A at 4"],
    ["SECR\u00c9T", "U+00C9 at 5"],
  ])(
    "says where the admin token has a character that no header carries, and nothing else of it: %j",
    (token, place) => {
      const found = told({ OTA_ADMIN_TOKEN: token });
      expect(found).toContain(`OTA_ADMIN_TOKEN: must be visible ASCII without blanks and quotes, has ${place}`);
      expect(found).not.toMatch(/SEC|RET/);
    },
  );

  it("repeats no key that was given instead of the path of its file", () => {
    const key = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----";
    const found = told({ OTA_TLS_CERT: "/nowhere/cert", OTA_TLS_KEY: key });
    expect(found).toContain("OTA_TLS_KEY: expected the path of a file, not what is in it");
    expect(found).not.toContain("SECRET");
    expect(told({ OTA_JWT_JWKS: '{"keys":[{"k":"SECRET"}]}' })).toMatch(
      /OTA_JWT_JWKS: expected .*, not what was given/,
    );
  });

  it.each([
    ["accounts: { default: {} }\n}SECRET\n", /Unexpected .* at line \d+, column \d+$/],
    ["accounts:\n  default: >SECRET\n    x\n", /header .* at line 2, column \d+$/],
    ["accounts:\n  default: *SECRET\n", /Unresolved alias/],
    ["accounts:\n  default: { credentials: !SECRET { env: A_ } }\n", /Unresolved tag at line 2, column \d+$/],
    ["accounts:\n  a: { endpoint: 'https://:SECRET@x' }\n", /endpoint: expected an http or https address/],
  ])("says the place in a file, and not what stands there: %j", (text, place) => {
    const found = toldOfFile(text);
    expect(found).toMatch(place);
    expect(found).not.toContain("SECRET");
  });
});

describe("serveCommand", () => {
  it("repeats no value of a flag that it does not have", async () => {
    let told = "";
    const command = serveCommand().configureOutput({
      writeErr: (text) => {
        told += text;
      },
    });
    const args = ["--redis-url=redis://:SEC'RET@host"];
    await expect(command.parseAsync(args, { from: "user" })).rejects.toThrow();
    expect(told).toBe("error: unknown option '--redis-url'\n");
  });
});
