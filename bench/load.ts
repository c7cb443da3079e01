// A closed loop of one-device requests over gRPC: a fixed number is always under way, for a fixed
// time. The cost of a request is the server's processor time, which hardly depends on other load on
// the machine.
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { CancelTasksByDeviceRequest, OtaServiceClient } from "../src/gen/ota/v1/ota_service.js";
import { cpuMs } from "./cpu.js";
import type { ServerProcess } from "./processes.js";

/** Default number of requests under way. */
const IN_FLIGHT = 512;
const CONNECTIONS = 8;

export interface LoadOptions {
  readonly forMs: number;
  /** Number of caller names that the requests use in turn. */
  readonly callers?: number;
  readonly inFlight?: number;
  /** Whether requests carry a sampled span. */
  readonly isTraced?: boolean;
}

export interface LoadResult {
  readonly rpcs: number;
  /** The server's processor time, in ms. */
  readonly perRpcMs: number;
  readonly rpcsPerSecond: number;
  /**
   * The load generator's processor time, in ms. No server on this machine can be measured as faster
   * than that.
   */
  readonly ownPerRpcMs: number;
}

export async function load(
  server: ServerProcess,
  { forMs, callers = CONNECTIONS, inFlight = IN_FLIGHT, isTraced = false }: LoadOptions,
): Promise<LoadResult> {
  const clients = Array.from(
    { length: CONNECTIONS },
    () => new OtaServiceClient(server.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
  );
  let rpcs = 0;
  const startMs = performance.now();
  const untilMs = startMs + forMs;
  const [serverMs, ownMs] = [cpuMs(server.pid), cpuMs(process.pid)];
  const loop = async (n: number) => {
    while (performance.now() < untilMs) {
      const nth = rpcs++;
      const metadata = new Metadata();
      metadata.set("x-ota-caller", `caller-${nth % callers}`);
      const id = nth.toString(16).padStart(16, "0");
      if (isTraced) metadata.set("traceparent", `00-1${id.slice(1)}${id}-1${id.slice(1)}-01`);
      await cancel(clients[n % CONNECTIONS] as OtaServiceClient, metadata, `device-${n}-${nth}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, n) => loop(n)));
  const tookMs = performance.now() - startMs;
  const result = {
    rpcs,
    perRpcMs: (cpuMs(server.pid) - serverMs) / rpcs,
    rpcsPerSecond: (rpcs * 1000) / tookMs,
    ownPerRpcMs: (cpuMs(process.pid) - ownMs) / rpcs,
  };
  for (const client of clients) client.close();
  return result;
}

function cancel(client: OtaServiceClient, metadata: Metadata, deviceName: string): Promise<void> {
  const request = { productKey: "a1Bench", firmwareId: "Bench030100", deviceNames: [deviceName] };
  return new Promise((resolve, reject) => {
    client.cancelTasksByDevice(
      CancelTasksByDeviceRequest.fromPartial(request),
      metadata,
      { deadline: Date.now() + 60_000 },
      (error: ServiceError | null) => (error ? reject(error) : resolve()),
    );
  });
}
