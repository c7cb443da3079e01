// ListOTAJobByFirmware: lists the batches of a package, latest first.
import { findFirmware } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { page, pageNumber, pageSize } from "../paging.js";
import { required, text } from "../readers.js";
import { jobView } from "../views.js";

export const listOtaJobByFirmware = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    FirmwareId: required(text()),
    CurrentPage: required(pageNumber),
    PageSize: required(pageSize(200)),
  },
  carryOut({ FirmwareId, ...asked }, { platform }) {
    const firmware = findFirmware(platform, FirmwareId);
    const jobs = [...platform.jobs.values()].filter((job) => job.firmware === firmware).reverse();
    const { rows, fields } = page(asked, jobs.length, (place) => jobs[place]);
    const SimpleOTAJobInfo = rows.flatMap((job) => (job ? jobView(job) : []));
    return { fields: { ...fields, Data: { SimpleOTAJobInfo } } };
  },
});
