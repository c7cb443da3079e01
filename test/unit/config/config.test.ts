import { describe, expect, it } from "vitest";
import { ConfigError, type Environment, readConfig } from "../../../src/config/config.js";

function mistakes(environment: Environment): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

describe("readConfig", () => {
  it("has the documented defaults", () => {
    expect(readConfig({})).toMatchObject({
      listen: { host: "127.0.0.1", port: 50051 },
      adminListen: { host: "127.0.0.1", port: 9464 },
      upstreamUrl: new URL("https://iot.cn-shanghai.aliyuncs.com"),
      upstreamTimeoutMs: 10_000,
      upstreamMaxUrlBytes: 12_288,
      callsPerSecond: 10,
      maxDevicesPerRequest: 10_000,
      maxQueuedDevices: 1_000_000,
      maxQueuedDevicesPerCaller: 500_000,
      defaultDeadlineMs: 60_000,
      drainTimeoutMs: 25_000,
      insecure: false,
      logLevel: "info",
    });
  });

  it("checks the keys at the start unless told otherwise, and is strict about an audit log that there is", () => {
    expect(readConfig({})).toMatchObject({ startupCheck: true, auditStrict: false });
    expect(readConfig({ OTA_STARTUP_CHECK: "0" })).toMatchObject({ startupCheck: false });
    expect(readConfig({ OTA_AUDIT_STRICT: "1", OTA_AUDIT_LOG: "-" })).toMatchObject({ auditStrict: true });
    expect(mistakes({ OTA_AUDIT_STRICT: "1" })).toEqual(["OTA_AUDIT_STRICT: needs an audit log; set OTA_AUDIT_LOG"]);
  });

  it("opens no admin port for off, and no other port can be left out", () => {
    expect(readConfig({ OTA_ADMIN_LISTEN: "off" }).adminListen).toBeUndefined();
    expect(mistakes({ OTA_LISTEN: "off" })).toEqual([expect.stringMatching(/^OTA_LISTEN: expected host:port/)]);
  });

  it("takes an empty variable for one that is not set, and blanks around a value for nothing", () => {
    expect(readConfig({ OTA_LISTEN: "", OTA_LOG_LEVEL: "  ", OTA_DRAIN_TIMEOUT_MS: " 300 " })).toMatchObject({
      listen: { port: 50051 },
      logLevel: "info",
      drainTimeoutMs: 300,
    });
  });

  it("does not repeat a secret that an address holds", () => {
    const [mistake] = mistakes({ OTA_UPSTREAM_URL: "https://somebody:secret@iot.cn-shanghai.aliyuncs.com" });
    expect(mistake).toContain("//***@iot.cn-shanghai.aliyuncs.com");
    expect(mistake).not.toContain("secret");
  });

  it("reports every mistake at once, with what was expected and what was found", () => {
    const found = mistakes({
      OTA_LISTEN: "50051",
      OTA_ADMIN_LISTEN: "127.0.0.1:65536",
      OTA_UPSTREAM_URL: "iot.cn-shanghai.aliyuncs.com",
      OTA_UPSTREAM_TIMEOUT_MS: "10s",
      OTA_QUOTA_CALLS_PER_SECOND: "0",
      OTA_DRAIN_TIMEOUT_MS: "-1",
      OTA_DEFAULT_DEADLINE_MS: "1.5",
      OTA_MAX_QUEUED_DEVICES: "1e6",
      OTA_INSECURE: "yes",
      OTA_LOG_LEVEL: "verbose",
    });
    expect(found.map((mistake) => mistake.split(":")[0]).toSorted()).toEqual([
      "OTA_ADMIN_LISTEN",
      "OTA_DEFAULT_DEADLINE_MS",
      "OTA_DRAIN_TIMEOUT_MS",
      "OTA_INSECURE",
      "OTA_LISTEN",
      "OTA_LOG_LEVEL",
      "OTA_MAX_QUEUED_DEVICES",
      "OTA_QUOTA_CALLS_PER_SECOND",
      "OTA_UPSTREAM_TIMEOUT_MS",
      "OTA_UPSTREAM_URL",
    ]);
    expect(found).toContain('OTA_UPSTREAM_TIMEOUT_MS: expected a whole number from 100 to 120000, not "10s"');
  });

  it.each([
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["localhost:1", "localhost", 1],
    ["[::1]:50051", "::1", 50051],
  ])("takes %s for an address", (text, host, port) => {
    expect(readConfig({ OTA_LISTEN: text }).listen).toEqual({ host, port });
  });

  it.each([":50051", "127.0.0.1", "127.0.0.1:", "::1:50051", "127.0.0.1:5005x", "127.0.0.1:-1", "http://127.0.0.1:1"])(
    "does not take %s for an address",
    (text) => {
      expect(mistakes({ OTA_LISTEN: text })).toHaveLength(1);
    },
  );

  it.each(["http://h/path", "http://h/?q=1", "http://h/#f", "http://user@h", "ftp://h", "h:443", "//h"])(
    "does not take %s for an endpoint",
    (text) => {
      expect(mistakes({ OTA_UPSTREAM_URL: text })).toHaveLength(1);
    },
  );

  const ISSUER = { OTA_JWT_ISSUER: "https://issuer.example", OTA_JWT_AUDIENCE: "ota-gateway" };

  it("takes the issuer's keys from a file or an https address, and from http on this machine only", () => {
    const keysAt = (text: string) => readConfig({ ...ISSUER, OTA_JWT_JWKS: text }).jwtKeys;
    expect(keysAt("/etc/jwks.json")).toEqual({ kind: "file", path: "/etc/jwks.json" });
    for (const text of [
      "https://issuer.example/keys?v=1",
      "http://127.0.0.1:1/",
      "http://[::1]:1/",
      "http://localhost/",
    ]) {
      expect(keysAt(text)).toEqual({ kind: "url", url: new URL(text) });
    }
    for (const text of [
      "http://issuer.example/",
      "ftp://h/",
      "https://me:secret@h/",
      "https://",
      "http://127.0.0.1.evil/",
    ]) {
      const found = mistakes({ ...ISSUER, OTA_JWT_JWKS: text });
      expect(found).toEqual([expect.stringMatching(/^OTA_JWT_JWKS: expected the path of a file, or an https address/)]);
      expect(found[0]).not.toContain("secret");
    }
  });

  it("takes keys, issuer and audience together or not at all", () => {
    const all = { ...ISSUER, OTA_JWT_JWKS: "jwks.json" };
    expect(mistakes(all)).toEqual([]);
    const namesWithout = (...names: (keyof typeof all)[]) =>
      mistakes({ ...all, ...Object.fromEntries(names.map((name) => [name, ""])) }).map((each) => each.split(":")[0]);
    expect(namesWithout("OTA_JWT_JWKS")).toEqual(["OTA_JWT_JWKS"]);
    expect(namesWithout("OTA_JWT_ISSUER")).toEqual(["OTA_JWT_ISSUER"]);
    expect(namesWithout("OTA_JWT_ISSUER", "OTA_JWT_AUDIENCE")).toEqual(["OTA_JWT_ISSUER", "OTA_JWT_AUDIENCE"]);
    expect(namesWithout("OTA_JWT_JWKS", "OTA_JWT_ISSUER")).toEqual(["OTA_JWT_JWKS", "OTA_JWT_ISSUER"]);
  });

  it.each(["127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1"])(
    "takes plaintext on %s, which is loopback",
    (listen) => {
      expect(mistakes({ OTA_LISTEN: listen })).toEqual([]);
    },
  );

  it.each([
    "0.0.0.0:1",
    "[::]:1",
    "128.0.0.1:1",
    "gateway.internal:1",
    "127.0.0.1.example.com:1",
    "localhost.example.com:1",
  ])("wants OTA_INSECURE=1 for plaintext on %s", (listen) => {
    expect(mistakes({ OTA_LISTEN: listen })).toEqual([expect.stringContaining("OTA_INSECURE=1")]);
    expect(mistakes({ OTA_LISTEN: listen, OTA_INSECURE: "1" })).toEqual([]);
  });

  it("reports an address that needs OTA_INSECURE=1 together with the other mistakes", () => {
    expect(mistakes({ OTA_LISTEN: "0.0.0.0:50051", OTA_LOG_LEVEL: "verbose" })).toEqual([
      expect.stringMatching(/^OTA_LOG_LEVEL: /),
      expect.stringMatching(/^OTA_LISTEN: .*OTA_INSECURE=1/),
    ]);
  });
});

describe("readConfig, of plain http to the cloud", () => {
  const mistakesOf = (environment: Record<string, string>) => {
    try {
      readConfig(environment);
      return [];
    } catch (error) {
      return (error as ConfigError).mistakes;
    }
  };

  it("refuses it without OTA_INSECURE=1 (was: without a word)", () => {
    expect(mistakesOf({ OTA_UPSTREAM_URL: "http://192.0.2.1:80" })).toEqual([
      expect.stringMatching(/^OTA_UPSTREAM_URL: http:\/\/192\.0\.2\.1 would carry .*OTA_INSECURE=1/),
    ]);
    expect(mistakesOf({ OTA_UPSTREAM_URL: "http://192.0.2.1:80", OTA_INSECURE: "1" })).toEqual([]);
  });

  it.each(["http://127.0.0.1:8088", "http://localhost:8088", "http://[::1]:8088", "https://192.0.2.1"])(
    "takes %s",
    (url) => {
      expect(mistakesOf({ OTA_UPSTREAM_URL: url })).toEqual([]);
    },
  );
});

describe("ConfigError", () => {
  it("says all mistakes, one on a line", () => {
    expect(new ConfigError(["OTA_A: x", "OTA_B: y"]).message).toBe("invalid settings:\n  OTA_A: x\n  OTA_B: y");
  });
});
