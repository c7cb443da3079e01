// A caller of OtaService over the raw stub, with several connections, any metadata, and calls that
// can be aborted.
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { DEFAULTS } from "../../src/emulator/options.js";
import {
  CancelTasksByDeviceRequest,
  type CancelTasksByDeviceResponse,
  OtaServiceClient,
} from "../../src/gen/ota/v1/ota_service.js";

export interface Rpc {
  /** Rejects with grpc-js' ServiceError. */
  readonly answer: Promise<CancelTasksByDeviceResponse>;
  /** Aborts the call. */
  leave(): void;
}

export interface Caller {
  /**
   * Resolves once it is connected. Wait for it before closing: grpc-js leaves a connection open for
   * good if it is closed while connecting.
   */
  connected(): Promise<void>;
  /**
   * Sends a request. Only the gateway keeps the deadline: the caller waits for its answer, because
   * on a busy machine an answer sent in time may be read late.
   */
  cancel(deviceNames: string[], request?: Partial<CancelTasksByDeviceRequest>, deadlineMs?: number): Rpc;
  close(): void;
}

/**
 * Creates a caller on a connection of its own, which reconnects at once when the gateway has been
 * away. With `patient`, its calls wait for that instead of failing.
 */
export function createCaller(
  address: string,
  metadata: Readonly<Record<string, string>> = {},
  patient = false,
): Caller {
  const stub = new OtaServiceClient(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 100,
  });
  const headers = new Metadata({ waitForReady: patient });
  for (const [key, value] of Object.entries(metadata)) headers.set(key, value);
  return {
    connected: () =>
      new Promise((resolve, reject) => {
        stub.waitForReady(Infinity, (error) => (error ? reject(error) : resolve()));
      }),
    cancel(deviceNames, request, deadlineMs) {
      const { productKey, firmwareId } = DEFAULTS;
      const message = CancelTasksByDeviceRequest.fromPartial({ productKey, firmwareId, deviceNames, ...request });
      const sent = headers.clone();
      if (deadlineMs !== undefined) sent.set("grpc-timeout", `${Math.ceil(deadlineMs)}m`);
      let leave = () => {};
      const answer = new Promise<CancelTasksByDeviceResponse>((resolve, reject) => {
        const call = stub.cancelTasksByDevice(message, sent, (error: ServiceError | null, response) =>
          error ? reject(error) : resolve(response),
        );
        leave = () => call.cancel();
      });
      answer.catch(() => {}); // handled later, or never
      return { answer, leave };
    },
    close: () => stub.close(),
  };
}
