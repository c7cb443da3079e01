// The vendor's client, set up as its README says.
import { createRequire } from "node:module";
import type Iot from "@alicloud/iot20180120";
import { DEFAULTS } from "../../src/emulator/options.js";
import type { Surroundings } from "./peer.js";

// Loaded with `require`: a CommonJS module that has a default export itself.
const iot: typeof Iot = createRequire(import.meta.url)("@alicloud/iot20180120");
type SdkConfig = ConstructorParameters<typeof Iot.default>[0];

export function officialSdk(url: URL): Surroundings["cancelTasks"] {
  const { accessKeyId, accessKeySecret, productKey, firmwareId } = DEFAULTS;
  const client = new iot.default({
    accessKeyId,
    accessKeySecret,
    regionId: "cn-shanghai",
    endpoint: url.host,
    protocol: "http",
    // The configuration class is in a package of its own; only its fields matter.
  } as unknown as SdkConfig);
  return async (deviceName) => {
    const request = new iot.CancelOTATaskByDeviceRequest({ productKey, firmwareId, deviceName });
    const { body } = await client.cancelOTATaskByDevice(request);
    if (!body?.success) throw Object.assign(new Error(body?.errorMessage), { code: body?.code });
  };
}
