import { diag } from "@opentelemetry/api";
import { afterEach, describe, expect, it, vi } from "vitest";
import { logSdk } from "../../../../src/observe/telemetry/sdk-log.js";
import { FakeLog } from "../../../support/fake-log.js";

afterEach(() => {
  diag.disable();
  vi.unstubAllEnvs();
});

function setUp(environment: Record<string, string>) {
  const log = new FakeLog();
  logSdk(environment, log);
  log.lines.length = 0; // the API says that it has a logger now
  return log;
}

describe("logSdk", () => {
  it("writes what the SDK says at or above its level, none of it below info", () => {
    const log = setUp({ OTEL_LOG_LEVEL: "DEBUG" });
    diag.verbose("not this");
    diag.debug("export begins", { spans: 3 });
    diag.warn("slow");
    diag.error("failed", new Error("refused"));
    expect(log.lines.map(({ level }) => level)).toEqual(["info", "warn", "error"]);
    expect(log.lines[0]?.fields).toEqual({ level_of_sdk: "debug", said: "export begins { spans: 3 }" });
    expect(log.lines[2]?.fields).toMatchObject({ said: expect.stringContaining("Error: refused") });
  });

  it("writes nothing if it is not asked to, and keeps the variable from the SDK", () => {
    vi.stubEnv("OTEL_LOG_LEVEL", "none");
    const log = setUp({ OTEL_LOG_LEVEL: "none" });
    diag.error("failed");
    expect(log.lines).toEqual([]);
    expect(process.env["OTEL_LOG_LEVEL"]).toBeUndefined();
  });

  it("hides the collector's keys and the users in addresses", () => {
    const log = setUp({
      OTEL_LOG_LEVEL: "info",
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=s3cr3t,authorization=Bearer%20t0ken",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x=other",
    });
    diag.info("sent s3cr3t with Bearer t0ken to http://me:pa55@host, and other");
    expect(log.lines[0]?.fields).toMatchObject({ said: "sent *** with *** to http://***@host, and ***" });
  });

  it("cuts what is very long", () => {
    const log = setUp({ OTEL_LOG_LEVEL: "info" });
    diag.info("x".repeat(5000));
    expect(log.lines[0]?.fields).toHaveProperty("said.length", 2000);
  });
});
