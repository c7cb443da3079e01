import { status } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { errorText } from "../../../src/cli/gateway-advice.js";
import { OtaError } from "../../../src/client/client.js";
import { failureOfRpc } from "../../../src/client/failure.js";

/** The error that the client makes of grpc-js' words. */
function transport(details: string, code = status.UNAVAILABLE): OtaError {
  return new OtaError(failureOfRpc({ code, details }));
}

describe("errorText", () => {
  it.each([
    // As grpc-js words them.
    ["No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ", "Start one"],
    ["Name resolution failed for target dns:gw:1", "check its spelling"],
    ["Last error: write EPROTO … wrong version number", "speaks plain text"],
    ["Last error: Error: self-signed certificate", "--ca FILE"],
    ["Hostname/IP does not match certificate's altnames", "--server-name"],
    ["No connection established. Last error: Failed to connect (2026)", "whether it requires TLS"],
    ["No connection established. Last error: undefined. Resolution note: ", "through the proxy of grpc_proxy"],
    ["Connection dropped", "whether it requires TLS"],
    ["Deadline exceeded after 5.000s,LB pick: 0.001s,remote_addr=127.0.0.1:1", "did not answer in time"],
    ["Deadline exceeded after 5.000s,Waiting for LB pick", "did not answer in time"],
  ])("says what to do about: %s", (message, advice) => {
    expect(errorText(transport(message), { address: "gw:1" })).toContain(advice);
  });

  it("names the list where it is too long (was: --device-names, which is no flag)", () => {
    const violations = [{ field: "device_names", description: "has more than 5000000 names; submit several lists" }];
    const failure = { reason: "INVALID_REQUEST", code: "INVALID_ARGUMENT", message: "no", violations, devices: {} };
    expect(errorText(new OtaError(failure), { address: "gw:1" })).toBe(
      "error: the list has more than 5000000 names; submit several lists\n",
    );
  });

  it("names the flags of what the gateway does not take", () => {
    const violations = [
      { field: "iot_instance_id", description: "is wrong" },
      { field: "job_id", description: "is required" },
    ];
    const invalid = { reason: "INVALID_REQUEST", code: "INVALID_ARGUMENT", message: "no", violations, devices: {} };
    expect(errorText(new OtaError(invalid), { address: "gw:1" })).toBe(
      "error: --instance-id is wrong; --job-id is required\n",
    );
  });

  it.each([
    ["iot.ota.FirmwareNotFound", "--firmware-id"],
    ["iot.ota.InvalidJobId", "--job-id"],
    ["iot.prod.NotExistedProduct", "--product-key"],
    ["iot.Sre.IotInstanceNotFound", "--instance-id"],
    ["Forbidden.RAM", "iot:CancelOTATaskByDevice"],
  ])("asks about what the upstream refuses by %s", (upstreamCode, asked) => {
    const refused = { reason: "REJECTED", code: "NOT_FOUND", message: "no", upstreamCode, violations: [], devices: {} };
    const text = errorText(new OtaError(refused), { address: "gw:1" });
    expect(text).toContain(asked);
    expect(text.trim()).toMatch(/\?$/);
  });

  it("tells anything else as it is, with its status", () => {
    expect(errorText(transport("odd", status.INTERNAL), { address: "gw:1" })).toBe("error: odd (INTERNAL)\n");
  });

  it("tells who showed a certificate that it may be that which ended the connection", () => {
    const given = { address: "gw:1", cert: "me.crt" };
    expect(errorText(transport("Connection dropped"), given)).toContain(
      "and that it accepts the certificate of --cert",
    );
    expect(errorText(transport("Connection dropped"), { address: "gw:1" })).not.toContain("--cert");
    const refused = transport("tlsv13 alert certificate required");
    expect(errorText(refused, given)).toContain("does not accept the certificate of --cert");
    expect(errorText(refused, { address: "gw:1" })).toContain("--cert FILE --key FILE");
  });

  it("tells who gave a token that it is not accepted, and not to give one", () => {
    const unknown = { reason: "UNAUTHENTICATED", code: "UNAUTHENTICATED", violations: [], devices: {} };
    const error = new OtaError({ ...unknown, message: "who calls?" });
    const advice = (tokenFile?: string, token?: string) =>
      errorText(error, { address: "gw:1", ...(tokenFile && { tokenFile }) }, token);
    expect(advice("token")).toContain("The gateway does not accept the token of --token-file");
    expect(advice("token", "x")).toContain("The gateway does not accept the token of --token-file");
    expect(advice(undefined, "SECRET")).toContain("The gateway does not accept the token of OTA_TOKEN");
    expect(advice(undefined, "SECRET")).not.toContain("SECRET");
    expect(advice()).toContain("Give a token with --token-file FILE or OTA_TOKEN");
  });
});
