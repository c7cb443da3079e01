// Clients with chosen headers: one that asks the usual things, and one that tries every rpc.
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { OperationsService } from "../../src/gen/google/longrunning/operations.js";
import {
  type CancelTasksByDeviceRequest,
  GetQuotaRequest,
  type GetQuotaResponse,
  OtaServiceClient,
  OtaServiceService,
} from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "./grpc-caller.js";
import { failureOf, type RpcFailure } from "./grpc-failure.js";

/** The headers that carry this token. */
export const bearing = (token: string) => ({ authorization: `Bearer ${token}` });

const ALL_RPCS = [...Object.values(OtaServiceService), ...Object.values(OperationsService)];
const AS_IS = (bytes: Uint8Array) => Buffer.from(bytes);

/** How each rpc of the contract fails, by path, if it is asked for nothing in particular. */
export async function failuresOfAllRpcs(
  grpc: string,
  headers: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, RpcFailure>> {
  const client = new Client(grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  const ask = (path: string) =>
    new Promise<void>((resolve, reject) => {
      // On the wire, a unary rpc is a stream of one message.
      const call = client.makeBidiStreamRequest(path, AS_IS, AS_IS, metadata);
      call
        .on("data", () => {})
        .on("end", resolve)
        .on("error", reject);
      call.write(Buffer.alloc(0));
      call.end();
    });
  const failures = ALL_RPCS.map(async ({ path }) => [path, await failureOf(ask(path))] as const);
  return new Map(await Promise.all(failures).finally(() => client.close()));
}

/** The usual rpcs, with these headers, on a connection of its own. */
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
