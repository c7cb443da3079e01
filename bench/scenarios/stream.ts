// A million devices through one stream: the gateway's memory stays bounded while its client writes
// as fast as flow control allows.
import { once } from "node:events";
import { credentials } from "@grpc/grpc-js";
import { CancelTasksByDeviceRequest, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";
import { residentMb } from "../cpu.js";
import type { Measured } from "../goal.js";
import { startGateway, startUpstream, TAKES_ALL } from "../processes.js";

const DEVICES = 1_000_000;
const DEVICES_PER_REQUEST = 5000;

/** A high rate, so that it does not take eight minutes. */
const CALLS_PER_SECOND = 250;

export interface StreamFigures {
  readonly addedMb: number;
}

export async function stream(): Promise<Measured<StreamFigures>> {
  const upstream = await startUpstream("--latency-ms", "20", ...TAKES_ALL, "--quota", "1000");
  const gateway = await startGateway(upstream, { OTA_QUOTA_CALLS_PER_SECOND: String(CALLS_PER_SECOND) });
  const stub = new OtaServiceClient(gateway.grpc, credentials.createInsecure());
  const idleMb = residentMb(gateway.pid);
  let mostMb = idleMb;
  const timer = setInterval(() => {
    mostMb = Math.max(mostMb, residentMb(gateway.pid));
  }, 100);

  const call = stub.streamCancelTasksByDevice();
  let accepted = 0;
  call.on("data", ({ event }) => {
    if (event?.$case !== "answer" || event.answer.result?.$case !== "response") return;
    const { response } = event.answer.result;
    if (response.success) accepted += response.results.length;
  });
  const ended = once(call, "end");
  for (let n = 0; n < DEVICES / DEVICES_PER_REQUEST; n++) {
    const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `device-${n * DEVICES_PER_REQUEST + m}`);
    const request = CancelTasksByDeviceRequest.fromPartial({
      productKey: "a1Bench",
      firmwareId: "Bench030100",
      deviceNames,
    });
    if (!call.write({ sequence: BigInt(n), request, withdraw: false })) await once(call, "drain");
  }
  call.end();
  await ended;
  clearInterval(timer);
  stub.close();
  await gateway.stop();
  upstream.stop();
  return {
    goals: [
      { name: "a million devices through a stream: accepted", value: accepted, least: DEVICES },
      { name: "a million devices through a stream: MB more than idle, at most", value: mostMb - idleMb, most: 200 },
    ],
    figures: { addedMb: Math.round(mostMb - idleMb) },
  };
}
