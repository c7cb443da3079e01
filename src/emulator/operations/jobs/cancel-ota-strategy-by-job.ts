// CancelOTAStrategyByJob: stops a dynamic job from taking more devices. Its existing tasks go on.
import { serviceError } from "../../protocol/errors.js";
import { offerToOtherDynamicJobs } from "../../state/rollout.js";
import { findJob } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { required, text } from "../readers.js";

export const cancelOtaStrategyByJob = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: { JobId: required(text()) },
  carryOut({ JobId }, { platform, openQuestions }) {
    const job = findJob(platform, JobId);
    if (job.traits.selection !== "DYNAMIC") {
      if (openQuestions.strategyOfStatic === "reject") throw serviceError("iot.ota.noDynamicJob");
      return {};
    }
    if (job.status === "CANCELED") {
      if (openQuestions.strategyOfClosed === "reject") throw serviceError("iot.ota.JobHasCanceled");
      return {};
    }
    platform.dynamicJobs.delete(job);
    job.end("CANCELED", platform.now());
    for (let place = 0; place < job.tasks.size; place++) offerToOtherDynamicJobs(platform, job.tasks.at(place));
    return {};
  },
});
