// One caller that floods: many connections with many requests in flight, each repeated as soon as
// it is answered. Runs in a process of its own, so that its cost is not counted as the measurer's.
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { CancelTasksByDeviceRequest, OtaServiceClient } from "../src/gen/ota/v1/ota_service.js";

const [address = "", connections = "200", inFlight = "100"] = process.argv.slice(2);
const metadata = new Metadata();
metadata.set("x-ota-caller", "flood");
const counts = { answered: 0, overloaded: 0, other: 0 };
let asked = 0;

for (let n = 0; n < Number(connections); n++) {
  const stub = new OtaServiceClient(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  for (let m = 0; m < Number(inFlight); m++) ask(stub);
}
process.on("message", () => process.send?.(counts));
process.on("disconnect", () => process.exit());
process.send?.("flooding");

function ask(stub: OtaServiceClient): void {
  const deviceNames = [`flood-${asked++}`];
  const request = CancelTasksByDeviceRequest.fromPartial({
    productKey: "a1Bench",
    firmwareId: "Bench030100",
    deviceNames,
  });
  stub.cancelTasksByDevice(request, metadata, (error: ServiceError | null) => {
    if (!error) counts.answered++;
    else if (error.code === status.RESOURCE_EXHAUSTED) counts.overloaded++;
    else counts.other++;
    setImmediate(ask, stub);
  });
}
