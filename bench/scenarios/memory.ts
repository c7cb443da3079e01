// A million devices waiting, in requests of 10,000: how much memory they take, and whether the
// gateway still answers at once.
import { credentials } from "@grpc/grpc-js";
import { type GetQuotaResponse, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";
import { residentMb } from "../cpu.js";
import { callerOf } from "../crowd.js";
import type { Measured } from "../goal.js";
import { median } from "../median.js";
import { NETWORK, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

const DEVICES = 1_000_000;
const DEVICES_PER_REQUEST = 10_000;
const CALLERS = 4;

export interface MemoryFigures {
  readonly addedMb: number;
}

export async function memory(): Promise<Measured<MemoryFigures>> {
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const gateway = await startGateway(upstream, { OTA_DEFAULT_DEADLINE_MS: "3600000" });
  const clients = Array.from({ length: CALLERS }, (_, n) => callerOf(gateway, `caller-${n}`));
  const idleMb = residentMb(gateway.pid);
  for (let n = 0; n < DEVICES / DEVICES_PER_REQUEST; n++) {
    const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `device-${n * DEVICES_PER_REQUEST + m}`);
    const client = clients[n % CALLERS];
    client?.cancel(deviceNames);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const stub = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
  const quota = () =>
    new Promise<GetQuotaResponse>((resolve, reject) =>
      stub.getQuota({ account: "" }, (error, response) => (error ? reject(error) : resolve(response))),
    );
  while ((await quota()).waitingDevices < (DEVICES * 98) / 100)
    await new Promise((resolve) => setTimeout(resolve, 200));
  const times: number[] = [];
  for (let n = 0; n < 50; n++) {
    const startMs = performance.now();
    await quota();
    times.push(performance.now() - startMs);
  }
  const addedMb = residentMb(gateway.pid) - idleMb;
  stub.close();
  for (const client of clients) client.close();
  await gateway.stop();
  upstream.stop();
  return {
    goals: [
      { name: "a million devices waiting: MB more than idle", value: addedMb, most: 300 },
      { name: "a million devices waiting: ms for GetQuota, median", value: median(times), most: 20 },
    ],
    figures: { addedMb: Math.round(addedMb) },
  };
}
