// CreateOTAVerifyJob: tries a package on up to ten devices before it may be rolled out.
import { serviceError } from "../../protocol/errors.js";
import { openBatch } from "../../state/rollout.js";
import { ANY_METHOD, operation } from "../operation.js";
import { list, required } from "../readers.js";
import { utc } from "../views.js";
import { BATCH_PARAMETERS, batchTraits, findPair, findTargets, tags } from "./batch-parameters.js";

export const createOtaVerifyJob = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: { ...BATCH_PARAMETERS, TargetDeviceName: required(list(10)), Tag: tags(20) },
  carryOut(asked, { platform }) {
    const { firmware, product } = findPair(platform, asked);
    // "Not on a package being or already verified" is documented; the code is a guess.
    if (firmware.status === "verifying" || firmware.status === "verified") {
      throw serviceError("iot.system.IllegalRequest");
    }
    const job = openBatch(platform, {
      firmware,
      product,
      traits: {
        ...batchTraits(asked),
        type: "VERIFY_FIRMWARE",
        selection: "STATIC",
        targetSelection: "SPECIFIC",
        srcVersions: [],
        maximumPerMinute: 10_000,
        overwriteMode: 1,
        multiModuleMode: false,
        tags: asked.Tag,
      },
      devices: findTargets(product, asked.TargetDeviceName),
    });
    return { fields: { Data: { JobId: job.id, UtcCreate: utc(job.createdMs) } } };
  },
});
