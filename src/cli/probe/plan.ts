// What will be sent, told before anything is: each call in words, and how many there can be.
import { ROUNDS } from "./bursts.js";
import { PAUSE_MS } from "./run.js";
import { CALLS_PER_SACRIFICE } from "./sacrifice.js";
import { MOST_RUNNING_JOBS } from "./safety.js";
import { type Given, makeUp, trialsFor } from "./trials.js";

/** For the terminal; holds none of the user's names. */
export function planText(given: Given, url: URL): string {
  const sacrifices = given.sacrificialDevices.length;
  const reads = [
    `the package's batches (ListOTAJobByFirmware): ${sacrifices > 0 ? "none may run for others" : "all must be over"}`,
    ...(sacrifices > 0 ? [`the tasks of batches that run, ${MOST_RUNNING_JOBS} at the most (ListOTATaskByJob)`] : []),
    ...(given.foreignFirmwareId === undefined ? [] : ["the batches of the package of another product, likewise"]),
    ...(given.idleDevice === undefined
      ? []
      : ["the idle device's unfinished tasks (ListOTAUnfinishedTaskByDevice): there must be none"]),
    "the unfinished tasks of a made-up device, to see how that is refused",
  ];
  const cancels = trialsFor(given, makeUp()).map(({ trial }) => trial.words);
  const burst = given.throttlingQuota === undefined ? 0 : ROUNDS * (given.throttlingQuota + 1);
  // Two questions, whether there is one task to spend on them or two.
  const spent = sacrifices > 0 ? 2 * CALLS_PER_SACRIFICE : 0;
  const spaced = reads.length + (sacrifices > 0 ? MOST_RUNNING_JOBS - 1 : 0) + cancels.length + spent;
  return [
    `Up to ${spaced + burst} calls go to ${url.origin}:`,
    ...reads.map((words) => `  read    ${words}`),
    ...cancels.map((words) => `  cancel  ${words}`),
    ...(spent > 0
      ? [
          `  cancel  the devices that were given up, beside one that is refused; each may lose its task (${spent} calls)`,
        ]
      : []),
    ...(burst > 0
      ? [
          `  burst   ${ROUNDS} times ${given.throttlingQuota} calls at once and one more, to be throttled (${burst} calls)`,
        ]
      : []),
    `One after the other, ${PAUSE_MS / 1000} s apart${burst > 0 ? ", but for the bursts" : ""}; more only if an answer is lost.`,
    spent > 0
      ? "No cancel names a device with a task but those that were given up."
      : "No cancel names a device that exists, or else one without any task; the package must have no running batch.",
    "Every call counts in the account's quota: let no gateway use the account meanwhile, and nobody start a batch of the package.",
    ...(burst > 0 ? ["During the bursts, ten seconds, whoever else cancels on this account is throttled too."] : []),
    "",
  ].join("\n");
}
