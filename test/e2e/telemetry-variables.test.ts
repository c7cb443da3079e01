// The standard OTEL_* variables of a real gateway: mistakes are reported once, and nothing of the
// SDK appears on standard output.
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCaller } from "../support/grpc-caller.js";
import { startOtlpReceiver } from "../support/otlp-receiver.js";
import { endPrograms, openEmulator, runGateway, until } from "../support/processes.js";

afterEach(endPrograms);

const lines = (text: string) => text.trimEnd().split("\n");

describe("the OTEL_* variables", () => {
  it("name the service although another attribute cannot be read, and the SDK speaks in the log alone", async () => {
    const receiver = await startOtlpReceiver();
    onTestFinished(() => receiver.close());
    const emulator = await openEmulator({ devices: 5 });
    const gateway = await runGateway(emulator.url, {
      OTA_AUDIT_LOG: "-",
      OTEL_LOG_LEVEL: "debug",
      OTEL_RESOURCE_ATTRIBUTES: "service.name=gw,team=50%",
      OTEL_TRACES_SAMPLER: "sometimes",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=s3cr3t%2Fvalue",
      OTEL_EXPORTER_OTLP_TIMEOUT: "ten",
      OTEL_BSP_SCHEDULE_DELAY: "50",
    });
    const caller = createCaller(gateway.grpc);
    onTestFinished(() => caller.close());
    await caller.cancel([seededName(0)], {}, 20_000).answer;
    await until(() => receiver.spans.length > 0);
    gateway.kill("SIGTERM");
    await gateway.ended;

    expect(new Set(receiver.spans.map(({ resource }) => resource["service.name"]))).toEqual(new Set(["gw"]));
    const [ready, ...audit] = lines(gateway.stdout);
    expect(ready).toMatch(/^ota-gateway ready/);
    expect(audit.length).toBeGreaterThan(0);
    for (const line of [...audit, ...lines(gateway.stderr)]) expect(JSON.parse(line)).toHaveProperty("time");
    expect(gateway.stderr).toContain("OpenTelemetry says");
    expect(gateway.stderr).not.toMatch(/s3cr3t/);
    const warned = lines(gateway.stderr).filter((line) => /"OTEL_[A-Z_]+: /.test(line));
    expect(warned.map((line) => /"(OTEL_[A-Z_]+): /.exec(line)?.[1]).sort()).toEqual([
      "OTEL_EXPORTER_OTLP_TIMEOUT",
      "OTEL_RESOURCE_ATTRIBUTES",
      "OTEL_TRACES_SAMPLER",
    ]);
  });
});
