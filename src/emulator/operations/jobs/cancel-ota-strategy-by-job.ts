// CancelOTAStrategyByJob: stops a dynamic batch from taking more devices. Its existing tasks go on.
import { serviceError } from "../../protocol/errors.js";
import { findJob } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { required, text } from "../readers.js";

export const cancelOtaStrategyByJob = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: { JobId: required(text()) },
  carryOut({ JobId }, { platform }) {
    const job = findJob(platform, JobId);
    if (job.traits.selection !== "DYNAMIC") throw serviceError("iot.ota.noDynamicJob");
    if (job.status === "CANCELED") throw serviceError("iot.ota.JobHasCanceled");
    platform.dynamicJobs.delete(job);
    job.end("CANCELED", platform.now());
    return {};
  },
});
