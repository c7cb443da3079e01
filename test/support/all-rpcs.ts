// A client that tries every rpc of the service, with chosen headers.
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import {
  type CancelTasksByDeviceRequest,
  GetQuotaRequest,
  type GetQuotaResponse,
  OtaServiceClient,
} from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "./grpc-caller.js";

/** The headers that carry this token. */
export const bearing = (token: string) => ({ authorization: `Bearer ${token}` });

/** Every rpc of the service, with these headers, on a connection of its own. */
export function visitorOf(grpc: string, headers: Readonly<Record<string, string>>) {
  const stub = new OtaServiceClient(grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  const ask = <T>(send: (told: (error: ServiceError | null, response: T) => void) => unknown) =>
    new Promise<T>((resolve, reject) => send((error, response) => (error ? reject(error) : resolve(response))));
  return {
    cancel: (request: Partial<CancelTasksByDeviceRequest> = {}) => {
      const caller = createCaller(grpc, headers);
      return caller.cancel([seededName(0)], request, 20_000).answer.finally(() => caller.close());
    },
    quota: (account = "") =>
      ask<GetQuotaResponse>((told) => stub.getQuota(GetQuotaRequest.fromPartial({ account }), metadata, told)),
    stream: () =>
      new Promise<void>((resolve, reject) => {
        const call = stub.streamCancelTasksByDevice(metadata);
        call
          .on("data", () => {})
          .on("end", resolve)
          .on("error", reject);
        call.write({ sequence: 1n, request: undefined, withdraw: false });
        call.end();
      }),
    close: () => stub.close(),
  };
}
