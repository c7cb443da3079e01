// How many devices wait in a gateway, by its own word.
import { credentials } from "@grpc/grpc-js";
import { type GetQuotaResponse, OtaServiceClient } from "../../src/gen/ota/v1/ota_service.js";

/** Of the default account. `address` is that of the gRPC port. */
export async function waitingDevices(address: string): Promise<number> {
  const stub = new OtaServiceClient(address, credentials.createInsecure());
  try {
    const quota = await new Promise<GetQuotaResponse>((resolve, reject) =>
      stub.getQuota({ account: "" }, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
    return Number(quota.waitingDevices);
  } finally {
    stub.close();
  }
}
