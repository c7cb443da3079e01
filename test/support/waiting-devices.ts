// The state of the default account, by a gateway's own word. `address` is that of its gRPC port.
import { credentials } from "@grpc/grpc-js";
import { type GetQuotaResponse, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";

/** How many devices wait. */
export async function waitingDevices(address: string): Promise<number> {
  return Number((await quotaAt(address)).waitingDevices);
}

/** The answer of GetQuota. */
async function quotaAt(address: string): Promise<GetQuotaResponse> {
  const stub = new OtaServiceClient(address, credentials.createInsecure());
  try {
    return await new Promise<GetQuotaResponse>((resolve, reject) =>
      stub.getQuota({ account: "" }, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  } finally {
    stub.close();
  }
}
