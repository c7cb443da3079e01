import { describe, expect, it } from "vitest";
import { contradictions, sharedQuotas } from "../../../src/config/contradictions.js";
import type { AccountSettings } from "../../../src/config/file.js";

describe("contradictions", () => {
  it.each([
    ["127.0.0.1", 50_051, "127.0.0.1", 50_051, 1],
    ["127.0.0.1", 50_051, "0.0.0.0", 50_051, 1],
    ["::", 50_051, "127.0.0.1", 50_051, 1],
    ["127.0.0.1", 50_051, "127.0.0.2", 50_051, 0],
    ["127.0.0.1", 50_051, "127.0.0.1", 9464, 0],
    ["127.0.0.1", 0, "127.0.0.1", 0, 0],
  ])("finds both listeners at one port: %s:%i and %s:%i", (host, port, adminHost, adminPort, mistakes) => {
    const found = contradictions({
      ...{ listen: { host, port }, adminListen: { host: adminHost, port: adminPort } },
      ...{ jwtKeys: undefined, jwtIssuer: "", jwtAudience: "", insecure: true },
    });
    const expected = "OTA_ADMIN_LISTEN: is at the port of OTA_LISTEN; set another port, or off"; // was: EADDRINUSE
    expect(found).toEqual(Array.from({ length: mistakes }, () => expected));
  });
});

describe("sharedQuotas", () => {
  it("names the accounts that have the same endpoint and the same keys, and no others", () => {
    const account = (host: string, prefix: string): AccountSettings => ({
      ...{ url: new URL(`https://${host}`), callsPerSecond: 10, counted: "answered" },
      credentials: { kind: "env", prefix },
    });
    const accounts = new Map([
      ["first", account("iot.cn-shanghai.aliyuncs.com", "A")],
      ["second", account("iot.cn-shanghai.aliyuncs.com", "B")],
      ["third", account("iot.ap-southeast-1.aliyuncs.com", "A")],
      ["fourth", account("iot.cn-shanghai.aliyuncs.com", "A")],
    ]);
    expect(sharedQuotas(accounts)).toEqual([expect.stringMatching(/^the accounts first, fourth have/)]);
  });
});
