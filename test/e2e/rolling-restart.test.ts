// Replicas that are replaced one after the other under load: real processes, and the client that we
// ship. What clients of one connection do (pick_first, the default of gRPC) is seen beside it.
import { credentials, type ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, it } from "vitest";
import { SERVICE_CONFIG } from "../../src/client/channel.js";
import { connect } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { CancelTasksByDeviceRequest, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";
import { endPrograms } from "../support/processes.js";
import { BACKLOGS, startPair } from "../support/rolling-restart.js";

const { productKey, firmwareId } = DEFAULTS;

/** Each has one request at a time. */
const WORKERS = 8;

afterEach(endPrograms);

interface Told {
  answered: number;
  readonly failed: string[];
}

/** Asks again and again until `stop`; resolves when every request has been answered. */
function startWork(ask: () => Promise<boolean>): { readonly told: Told; stop(): Promise<void> } {
  const told: Told = { answered: 0, failed: [] };
  let isOver = false;
  const work = async () => {
    while (!isOver) {
      await ask().then(
        (success) => (success ? told.answered++ : told.failed.push("no success")),
        (error: Error) => told.failed.push(error.message),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const all = Promise.all(Array.from({ length: WORKERS }, work));
  return {
    told,
    stop: async () => {
      isOver = true;
      await all;
    },
  };
}

describe("a rolling restart under load", () => {
  it("fails no request, neither of the Node client nor of clients with one connection (was: each, for the drain)", async () => {
    const { emulator, addresses, names, restart } = await startPair("fleet-backend");
    const target = `ipv4:${addresses.join(",")}`;
    const client = connect(target, { caller: "fleet-backend" });
    // One retry, which a client spends at the same gateway if that goes on answering while it drains.
    const methodConfig = SERVICE_CONFIG.methodConfig.map((config) => ({
      ...config,
      retryPolicy: { ...config.retryPolicy, maxAttempts: 2 },
    }));
    const stub = new OtaServiceClient(target, credentials.createInsecure(), {
      "grpc.service_config": JSON.stringify({ methodConfig }),
      "grpc.initial_reconnect_backoff_ms": 200,
    });
    const request = () => ({ productKey, firmwareId, deviceNames: names.take(1) });
    const loads = [
      startWork(async () => (await client.cancelTasksByDevice(request())).success),
      startWork(
        () =>
          new Promise((resolve, reject) => {
            const message = CancelTasksByDeviceRequest.fromPartial(request());
            stub.cancelTasksByDevice(message, (error: ServiceError | null, response) =>
              error ? reject(error) : resolve(response.success),
            );
          }),
      ),
    ];
    expect(await restart()).toBe(BACKLOGS);
    await Promise.all(loads.map((load) => load.stop()));
    client.close();
    stub.close();
    expect(loads.map(({ told }) => told.failed)).toEqual([[], []]);
    const answered = loads.reduce((sum, { told }) => sum + told.answered, 0);
    for (const { told } of loads) expect(told.answered).toBeGreaterThan(WORKERS);
    expect((await emulator.stats()).devicesCanceled).toBe(answered + BACKLOGS);
  });
});
