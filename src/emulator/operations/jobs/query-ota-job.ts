// QueryOTAJob: shows one batch, with everything that it was created with.
import { findJob } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { required, text } from "../readers.js";
import { jobView, utc } from "../views.js";

export const queryOtaJob = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: { JobId: required(text()) },
  carryOut({ JobId }, { platform }) {
    const job = findJob(platform, JobId);
    const { traits, firmware } = job;
    const Data = {
      ...jobView(job),
      DestVersion: firmware.destVersion,
      GrayPercent: traits.grayPercent,
      OverwriteMode: traits.overwriteMode,
      RetryInterval: traits.retryInterval,
      RetryCount: traits.retryCount,
      TimeoutInMinutes: traits.timeoutInMinutes,
      MaximumPerMinute: traits.maximumPerMinute,
      DynamicMode: traits.dynamicMode,
      NeedPush: traits.needPush,
      NeedConfirm: traits.needConfirm,
      MultiModuleMode: traits.multiModuleMode,
      DownloadProtocol: traits.downloadProtocol,
      UtcScheduleTime: utc(traits.scheduleMs),
      UtcScheduleFinishTime: utc(traits.scheduleFinishMs),
      SrcVersions: { SrcVersion: traits.srcVersions },
    };
    return { fields: { Data } };
  },
});
