import { describe, expect, it } from "vitest";
import { SETTINGS } from "../../../src/config/settings.js";
import { unknownSettings } from "../../../src/config/unknown-settings.js";

describe("unknownSettings", () => {
  it.each([
    ["OTA_LOGLEVEL", "OTA_LOG_LEVEL"],
    ["OTA_LISTN", "OTA_LISTEN"],
    ["OTA_UPSTREAM_TIMEOUT", "OTA_UPSTREAM_TIMEOUT_MS"],
    ["OTA_QUOTA_CALLS_PER_SEC", "OTA_QUOTA_CALLS_PER_SECOND"],
  ])("warns of %s and names %s", (name, nearest) => {
    expect(unknownSettings({ [name]: "x" })).toEqual([
      `${name} is not a setting of this version and is ignored; did you mean ${nearest}?`,
    ]);
  });

  it("says nothing of known settings and of others' variables", () => {
    const known = Object.values(SETTINGS).map(({ variable }) => [variable, "x"]);
    expect(
      unknownSettings({ ...Object.fromEntries(known), PATH: "x", OTEL_SERVICE_NAME: "x", NOTA_BENE: "x" }),
    ).toEqual([]);
  });

  it("says nothing of a variable of the client commands (was: the nearest is OTA_LISTEN)", () => {
    expect(unknownSettings({ OTA_TOKEN: "x" })).toEqual([]);
  });

  it("says nothing of what Kubernetes injects for services whose names begin with ota", () => {
    const injected = {
      OTA_GATEWAY_SERVICE_HOST: "10.0.0.1",
      OTA_GATEWAY_SERVICE_PORT: "50051",
      OTA_GATEWAY_SERVICE_PORT_GRPC: "50051",
      OTA_GATEWAY_PORT: "tcp://10.0.0.1:50051",
      OTA_GATEWAY_PORT_50051_TCP: "tcp://10.0.0.1:50051",
      OTA_GATEWAY_PORT_50051_TCP_ADDR: "10.0.0.1",
      OTA_GATEWAY_PORT_50051_TCP_PROTO: "tcp",
    };
    expect(unknownSettings(injected)).toEqual([]);
    const { OTA_GATEWAY_SERVICE_HOST: _, ...withoutHost } = injected;
    expect(unknownSettings(withoutHost)).toHaveLength(6);
  });
});
