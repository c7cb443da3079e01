// A promise-shaped client of OtaService, for `demo` and for Node services.
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  CancelTasksByDeviceRequest,
  type CancelTasksByDeviceResponse,
  OtaServiceClient,
} from "../gen/ota/v1/ota_service.js";

/** Sets what it needs; what is left out has its default. */
export type CancelRequest = Partial<CancelTasksByDeviceRequest> &
  Pick<CancelTasksByDeviceRequest, "productKey" | "firmwareId" | "deviceNames">;

export interface ClientOptions {
  /** Who asks, if the gateway does not authenticate callers. */
  readonly caller?: string;
}

export interface Client {
  /** Rejects with grpc-js' ServiceError. Without `deadlineMs` the gateway's default holds. */
  cancelTasksByDevice(request: CancelRequest, deadlineMs?: number): Promise<CancelTasksByDeviceResponse>;
  close(): void;
}

/** A client of the gateway at host:port, in plain text. */
export function createClient(address: string, { caller }: ClientOptions = {}): Client {
  const stub = new OtaServiceClient(address, credentials.createInsecure());
  const metadata = new Metadata();
  if (caller) metadata.set("x-ota-caller", caller);
  return {
    cancelTasksByDevice: (request, deadlineMs) =>
      new Promise((resolve, reject) => {
        const message = CancelTasksByDeviceRequest.fromPartial(request);
        const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
        stub.cancelTasksByDevice(message, metadata, options, (error: ServiceError | null, response) =>
          error ? reject(error) : resolve(response),
        );
      }),
    close: () => stub.close(),
  };
}
