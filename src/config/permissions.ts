// The permissions (RAM actions) that the keys of an account need, the indispensable first. README
// has the same table; a test compares them.

export interface Permissions {
  readonly actions: readonly string[];
  /** Their use, and the cost of not having them. */
  readonly purpose: string;
}

export const PERMISSIONS: readonly Permissions[] = [
  { actions: ["iot:CancelOTATaskByDevice"], purpose: "every cancel" },
  {
    actions: ["iot:BatchQueryDeviceDetail"],
    purpose:
      "lists with devices that no longer exist, and `check_devices`; without it, each such device costs nine to ten canceling calls",
  },
  {
    actions: ["iot:BatchGetDeviceState"],
    purpose: "the same, five times as fast, where the cloud turns out to support it",
  },
  { actions: ["iot:ListOTAJobByFirmware", "iot:QueryOTAJob", "iot:ListOTATaskByJob"], purpose: "`GetRollout`" },
  {
    actions: [
      "iot:CancelOTAStrategyByJob",
      "iot:CancelOTATaskByJob",
      "iot:ListOTAJobByFirmware",
      "iot:QueryOTAJob",
      "iot:ListOTATaskByJob",
    ],
    purpose: "`StopRollout`",
  },
  {
    actions: ["iot:ListOTATaskByJob", "iot:ListOTAUnfinishedTaskByDevice"],
    purpose: "`verify`, with a `job_id` and without",
  },
];
