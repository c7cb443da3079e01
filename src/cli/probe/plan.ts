// Describes what will be sent, before anything is: each call in words, and the greatest number of
// calls.
import { ROUNDS } from "./bursts.js";
import { PAUSE_MS } from "./run.js";
import { CALLS_PER_SACRIFICE } from "./sacrifice.js";
import { MOST_READ_JOBS } from "./safety.js";
import { type Given, makeUp, trialsFor } from "./trials.js";

/** The plan for the terminal. It holds none of the user's names. */
export function planText(given: Given, url: URL): string {
  const sacrifices = given.sacrificialDevices.length;
  const [which, spared] =
    sacrifices > 0 ? ["running and canceled", " except of the sacrificial devices"] : ["canceled", ""];
  const reads = [
    `the package's batches (ListOTAJobByFirmware): ${sacrifices > 0 ? "none may run for other devices" : "all must have ended"}`,
    `the tasks of ${which} batches, at most ${MOST_READ_JOBS} (ListOTATaskByJob): none may be unfinished${spared}`,
    ...(given.foreignFirmwareId === undefined
      ? []
      : ["the batches of the package of the other product; all must have ended"]),
    ...(given.idleDevice === undefined
      ? []
      : ["the idle device's unfinished tasks (ListOTAUnfinishedTaskByDevice): there must be none"]),
    "the unfinished tasks of a made-up device, to see how that is refused",
    ...(given.idleDevice === undefined
      ? []
      : ["BatchQueryDeviceDetail", "BatchGetDeviceState"].map(
          (action) => `the idle device and a made-up one (${action}), to see what becomes of the latter`,
        )),
  ];
  const cancels = trialsFor(given, makeUp()).map(({ trial }) => trial.words);
  const burst = given.throttlingQuota === undefined ? 0 : ROUNDS * (given.throttlingQuota + 1);
  // Two questions, whether there are one or two tasks to spend on them.
  const spent = sacrifices > 0 ? 2 * CALLS_PER_SACRIFICE : 0;
  const spaced = reads.length + MOST_READ_JOBS - 1 + cancels.length + spent;
  return [
    `Up to ${spaced + burst} calls go to ${url.origin}:`,
    ...reads.map((words) => `  read    ${words}`),
    ...cancels.map((words) => `  cancel  ${words}`),
    ...(spent > 0
      ? [
          `  cancel  the sacrificial devices, together with a device that is refused; each may lose its task (${spent} calls)`,
        ]
      : []),
    ...(burst > 0
      ? [
          `  burst   ${ROUNDS} times ${given.throttlingQuota} calls at once plus one more, to be throttled (${burst} calls)`,
        ]
      : []),
    `One after the other, ${PAUSE_MS / 1000} s apart${burst > 0 ? ", except for the bursts" : ""}; more only if an answer is lost.`,
    spent > 0
      ? "No cancel names a device with a task, except the sacrificial ones."
      : "No cancel names an existing device, except one without any task; the package must have no running batch.",
    "Every call counts in the account's quota: while the probe runs, no gateway may use the account, and no batch of the package may be started.",
    ...(burst > 0 ? ["During the bursts, about ten seconds, other cancels on this account are throttled too."] : []),
    "",
  ].join("\n");
}
