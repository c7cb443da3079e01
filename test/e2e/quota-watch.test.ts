// `ota-gateway quota --watch` through what happens to gateways: one that goes and comes back, one that hangs.
import { afterEach, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/gateway/failures.js";
import { GetQuotaResponse } from "../../src/gen/ota/v1/ota_service.js";
import { wireErrorOf } from "../../src/grpc/wire/status.js";
import { listenOta } from "../support/fake-ota-service.js";
import { endPrograms, openEmulator, run, runGateway, until } from "../support/processes.js";

afterEach(endPrograms);

const linesOf = (text: string) => text.split("\n").length - 1;

describe("ota-gateway quota --watch", () => {
  it("goes on when the gateway is killed, and tells of it again when it is back (was: it ended with 1)", async () => {
    const emulator = await openEmulator({ devices: 1 });
    const before = await runGateway(emulator.url);
    const watching = run(["quota", "--address", before.grpc, "--watch"]);
    await watching.said(/^\S+Z default: /m);
    before.kill("SIGKILL");
    await watching.said(/^error: no gateway listens at /m);
    const seen = linesOf(watching.stdout);
    await runGateway(emulator.url, { OTA_LISTEN: before.grpc });
    await until(() => linesOf(watching.stdout) > seen);
    watching.kill("SIGINT");
    expect(await watching.ended).toBe(0);
  });

  it("ends with 1 if the first answer does not come: nobody watches a wrong address for ever", async () => {
    const watching = run(["quota", "--address", "127.0.0.1:1", "--watch"]);
    expect(await watching.ended).toBe(1);
    expect(watching.stderr).toContain("no gateway listens at 127.0.0.1:1");
  });

  it("ends with 1 at what does not pass by itself", async () => {
    const violations = [{ field: "account", description: "is not configured" }];
    const gone = wireErrorOf(new GatewayError({ kind: "invalid", message: "no", violations }));
    let asked = 0;
    const usual = GetQuotaResponse.fromPartial({ account: "default", callsPerSecond: 10 });
    const address = await listenOta({ quota: () => (++asked === 1 ? usual : gone) });
    const watching = run(["quota", "--address", address, "--watch"]);
    expect(await watching.ended).toBe(1);
    expect(watching.stdout).toMatch(/^\d{4}-\d\d-\d\dT\S+Z default: /);
    expect(watching.stderr).toContain("--account is not configured");
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("ends well at %s (was: killed by SIGHUP)", async (signal) => {
    const watching = run(["quota", "--address", await listenOta({}), "--watch", "--json"]);
    await watching.said(/^\{"time":"\S+Z","account":"default"/m);
    watching.kill(signal);
    expect(await watching.ended).toBe(0);
  });

  it("ends by Ctrl-C, without an error, when the gateway does not answer (was: after ten seconds, with an error)", async () => {
    let isAsked = false;
    const address = await listenOta({
      quota: () => {
        isAsked = true;
        return undefined;
      },
    });
    const watching = run(["quota", "--address", address, "--watch"]);
    await until(() => isAsked);
    watching.kill("SIGINT");
    expect(await watching.ended).toBe(0);
    expect(watching.stderr).toBe("");
  });
});
