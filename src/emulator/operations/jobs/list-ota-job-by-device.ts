// ListOTAJobByDevice: lists the batches of a package that have a task for a device, latest first.
import { findDevice, findFirmware } from "../lookups.js";
import { ANY_METHOD, operation } from "../operation.js";
import { page, pageNumber, pageSize } from "../paging.js";
import { required, text } from "../readers.js";
import { jobView } from "../views.js";

export const listOtaJobByDevice = operation({
  callsPerSecond: 10,
  methods: ANY_METHOD,
  parameters: {
    FirmwareId: required(text()),
    ProductKey: required(text()),
    DeviceName: required(text()),
    CurrentPage: required(pageNumber),
    PageSize: required(pageSize(100)),
  },
  carryOut({ FirmwareId, ProductKey, DeviceName, ...asked }, { platform }) {
    const device = findDevice(platform, ProductKey, DeviceName);
    const firmware = findFirmware(platform, FirmwareId);
    const ofDevice = [...platform.tasks.ofDevice(device)].map((task) => platform.tasks.jobOf(task));
    const jobs = [...new Set(ofDevice)].filter((job) => job.firmware === firmware);
    const { rows, fields } = page(asked, jobs.length, (place) => jobs[place]);
    const SimpleOTAJobInfo = rows.flatMap((job) => (job ? jobView(job) : []));
    return { fields: { ...fields, Data: { SimpleOTAJobInfo } } };
  },
});
