import { expect, it } from "vitest";
import { readConfig } from "../../../src/config/config.js";
import { logStart } from "../../../src/serve/start-line.js";
import { FakeLog } from "../../support/fake-log.js";

it("logStart says that there is no admin port", () => {
  const log = new FakeLog();
  logStart(log, { version: "1.2.3", grpc: "127.0.0.1:50051", admin: undefined }, readConfig({}), {});
  expect(log.lines).toMatchObject([{ fields: { admin: "off" } }]);
});

it("logStart tells version, upstream, quota, mode and the settings in force, and no secret", () => {
  const environment = {
    OTA_REDIS_URL: "redis://user:hidden@redis:6379",
    OTA_ADMIN_TOKEN: "hidden",
    OTA_JWT_JWKS: "https://issuer.example/keys?key=hidden",
    OTA_JWT_ISSUER: "issuer",
    OTA_JWT_AUDIENCE: "ota",
    OTA_QUOTA_CALLS_PER_SECOND: "20",
    OTA_LISTEN: "127.0.0.1:50051",
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: "hidden",
  };
  const log = new FakeLog();
  const started = { version: "1.2.3", grpc: "127.0.0.1:50051", admin: "127.0.0.1:9464" };
  logStart(log, started, readConfig(environment), environment);
  expect(JSON.stringify(log.lines)).not.toContain("hidden");
  expect(log.lines).toEqual([
    {
      level: "info",
      message: "started",
      fields: {
        ...started,
        node: process.versions.node,
        accounts: {
          default: { endpoint: "https://iot.cn-shanghai.aliyuncs.com", callsPerSecond: 20, counted: "answered" },
        },
        ledger: "shared",
        encryption: "none",
        authentication: "bearer tokens",
        permissions: expect.arrayContaining(["iot:CancelOTATaskByDevice"]),
        settings: {
          OTA_REDIS_URL: "(set)",
          OTA_ADMIN_TOKEN: "(set)",
          OTA_JWT_JWKS: "https://issuer.example/keys?***",
          OTA_JWT_ISSUER: "issuer",
          OTA_JWT_AUDIENCE: "ota",
          OTA_QUOTA_CALLS_PER_SECOND: "20",
        },
      },
    },
  ]);
});
