// `ota-gateway stop`, and the Node client's stopRollout, against a gateway and the emulator.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, connect, type OperationStatus } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { Rollout } from "../../src/gen/ota/v1/ota_service.js";
import { listenOta } from "../support/fake-ota-service.js";
import { endPrograms, type GatewayProgram, run, runGateway, until } from "../support/processes.js";

const { productKey, firmwareId } = DEFAULTS;
let emulator: Emulator;
let gateway: GatewayProgram;
let client: Client;

beforeAll(async () => {
  emulator = await startEmulator({ listen: "127.0.0.1:0" });
  emulator.startRollout({ devices: 3000, states: { NOTIFIED: 200, SUCCEEDED: 5 } });
  emulator.startRollout({ kind: "dynamic", devices: 40 });
  emulator.startRollout({ productKey: "a1Other", firmwareId: "OtherFirmware", devices: 7 });
  gateway = await runGateway(emulator.url);
  client = connect(gateway.grpc, { caller: "hands" });
});
afterAll(async () => {
  client.close();
  await endPrograms();
  await emulator.close();
});

async function stop(...words: string[]) {
  const scope = ["--product-key", productKey, "--firmware-id", firmwareId, "--address", gateway.grpc];
  const program = run(["stop", ...scope, "--caller", "hands", ...words]);
  return { code: await program.ended, stdout: program.stdout, stderr: program.stderr };
}

describe("ota-gateway stop", () => {
  it("says that the gateway may have the stop if it is left before the answer (was: not a word)", async () => {
    let isAsked = false;
    const address = await listenOta({
      rollout: () => Rollout.fromPartial({}),
      stop: () => {
        isAsked = true; // and is never answered
      },
    });
    const program = run(["stop", "--product-key", "a1", "--firmware-id", "f1", "--address", address, "--yes"]);
    await until(() => isAsked);
    program.kill("SIGINT");
    expect([await program.ended, program.stdout]).toEqual([1, ""]);
    expect(program.stderr).toContain(`operations list --running --address ${address}\n`);
  });

  it("changes nothing without a yes, nor with flags that cannot be used", async () => {
    const before = emulator.rollouts();
    const unasked = await stop();
    expect(unasked).toMatchObject({ code: 2, stdout: "" });
    expect(unasked.stderr).toContain("give --yes to stop the rollout, or --dry-run to see the plan");
    expect((await stop("--yes", "--states", "queued,done")).stderr).toContain("--states done is none of");
    expect((await stop("--yes", "--settle", "2 days")).stderr).toContain("--settle 2 days is not a time");
    const planned = await stop("--dry-run");
    expect(planned.code).toBe(0);
    expect(planned.stdout).toContain("stop: close it to new devices, cancel all its tasks by one call");
    expect(planned.stdout).toContain("3,035 devices can still be canceled.");
    expect(emulator.rollouts()).toEqual(before);
  });

  it("stops the rollout, shows its steps, and ends with the report", async () => {
    const stopped = await stop("--yes", "--settle", "30s", "--reason", "bad build");
    expect(stopped.code).toBe(0);
    expect(stopped.stderr).toContain("3,035 devices can still be canceled.");
    expect(stopped.stderr).toMatch(/^operations\/\w{26}$/m);
    expect(stopped.stdout).toContain("Stopped: nothing that was asked for is open any more.");
    expect(stopped.stdout).toContain("at least 200 devices had the package");
    expect(stopped.stdout).toContain("5 devices run the new version already.");
    expect(emulator.rollouts().at(-1)).toMatchObject({ tasks: { QUEUED: 7 } });
    const listed = run(["operations", "list", "--address", gateway.grpc, "--caller", "hands"]);
    expect(await listed.ended).toBe(0);
    expect(listed.stdout).toMatch(/done .* stop, 0 of 3,035 tasks left/);
  });

  it("reports one that finds nothing to do as stopped, as JSON too", async () => {
    const again = await stop("--yes", "--settle", "10s", "--json");
    expect(again.code).toBe(0);
    const status = JSON.parse(again.stdout) as OperationStatus;
    expect(status).toMatchObject({ success: true, state: "DONE", stop: { stopped: true, step: "DONE" } });
  });
});

describe("stopRollout", () => {
  it("stops one batch, once for one key, and reports it", async () => {
    const { jobId } = emulator.startRollout({ devices: 500 });
    emulator.startRollout({ devices: 60 });
    const request = { productKey, firmwareId, jobId, requestId: "key-1", settleMs: 30_000 };
    const { name, wait } = await client.stopRollout(request);
    expect((await client.stopRollout(request)).name).toBe(name);
    const seen: (string | undefined)[] = [];
    const status = await wait({ onProgress: ({ stop: report }) => void seen.push(report?.step) });
    expect(seen.at(-1)).toBe("DONE");
    expect(status).toMatchObject({ success: true, devices: 500, devicesWaiting: 0, scope: { jobId } });
    expect(status.stop?.jobs).toMatchObject([{ jobId, asked: 500, left: 0, after: { counts: { canceled: 500 } } }]);
    expect(status.stop?.jobs[0]?.calls[0]).toMatchObject({ operation: "CancelOTATaskByJob", success: true });
    expect(status.stop?.otherOpenJobs).toHaveLength(1);
  });

  it("refuses what is no state, no time or no text before anything is sent", async () => {
    const scope = { productKey, firmwareId };
    const wrong = { ...scope, states: ["DONE"] } as never;
    await expect(client.stopRollout(wrong)).rejects.toMatchObject({ violations: [{ field: "states[0]" }] });
    const oneState = { ...scope, states: "QUEUED" } as never;
    await expect(client.stopRollout(oneState)).rejects.toMatchObject({ violations: [{ field: "states" }] });
    const noTime = { ...scope, settleMs: Number.NaN };
    await expect(client.stopRollout(noTime)).rejects.toMatchObject({ violations: [{ field: "settle_ms" }] });
    await expect(client.stopRollout({ productKey: "", firmwareId })).rejects.toMatchObject({
      violations: [{ field: "product_key" }],
    });
  });
});
