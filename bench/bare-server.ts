// The baseline for the gateway: a grpc-js server that takes and answers the same messages and does
// nothing else, in a process of its own. It can hold its answers for a time, and then gives all of
// them together, so that each waits once to twice that time. That measures the cost of waiting as
// such.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { type CancelTasksByDeviceResponse, OtaServiceService, Outcome } from "../src/gen/ota/v1/ota_service.js";

const ZERO = { seconds: 0n, nanos: 20_000_000 };

const holdMs = Number(process.argv[2] ?? 0);
let asked: (() => void)[] = [];
let held: (() => void)[] = [];
if (holdMs > 0) {
  setInterval(() => {
    for (const answer of held) answer();
    [held, asked] = [asked, []];
  }, holdMs);
}

const server = new Server();
server.addService(OtaServiceService, {
  cancelTasksByDevice(
    { request }: { request: { deviceNames: string[] } },
    callback: (error: null, response: CancelTasksByDeviceResponse) => void,
  ) {
    const response = {
      results: request.deviceNames.map((deviceName) => ({
        deviceName,
        outcome: Outcome.ACCEPTED,
        status: undefined,
        callIndex: 0,
      })),
      calls: [
        {
          requestId: "call-1234567",
          deviceCount: 1,
          success: true,
          code: "",
          errorMessage: "",
          operation: "",
          attempts: 1,
          sentTime: { seconds: 1_700_000_000n, nanos: 0 },
          duration: ZERO,
        },
      ],
      quotaWait: ZERO,
      success: true,
      plan: undefined,
    };
    if (holdMs > 0) asked.push(() => callback(null, response));
    else callback(null, response);
  },
  streamCancelTasksByDevice: () => {},
  getQuota: () => {},
});
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_, port) => process.send?.(port));
process.on("disconnect", () => process.exit());
