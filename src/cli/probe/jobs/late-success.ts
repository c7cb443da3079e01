// Waits until a device whose task was canceled reports the new version, and looks whether its task
// turns SUCCEEDED. Only the user can make the device report, so the wait is long, bounded, and
// shown.
import { type Bench, CannotTell, type JobFinding } from "./bench.js";
import { deviceDetail } from "./calls.js";
import { isRefused, type JobQuestion } from "./question.js";
import { readVersion } from "./reading.js";

const NEEDS = "--reporting-device, whose task was canceled by the questions above";
/** How long the user has to make the device report. */
const WAIT_MS = 600_000;
const ROUND_MS = 10_000;
/** Beyond the time in which effects have shown. */
const GRACE_MS = 15_000;
const ROUNDS_PER_LINE = 6;

export const LATE_SUCCESS: JobQuestion = {
  answers: ["lateSuccess"],
  does: `waits at most ${WAIT_MS / 60_000} minutes for the reporting device to report the new version`,
  needs: NEEDS,
  changes: "nothing but what the device reports",
  // The grace may begin in the last round; it lasts 75 s at most.
  mostCalls: 2 * (WAIT_MS / ROUND_MS + 9),
  after: "late-success has no answer unless emptied-job or canceled-job canceled the device's task",
  async ask(bench) {
    const deviceName = bench.given.reportingDevice;
    const job = bench.jobs.find(({ tasks }) =>
      tasks.some((task) => task.deviceName === deviceName && task.state === "CANCELED"),
    );
    if (deviceName === undefined || !job) throw new CannotTell(`not asked; needs ${NEEDS}`);
    if (job.destVersion === "") throw new CannotTell("undecided: the batch does not state its version");
    bench.progress(`let the reporting device report version ${job.destVersion} now`);
    bench.learn("lateSuccess", await wait(bench, job, deviceName));
  },
};

async function wait(
  bench: Bench,
  { jobId, destVersion }: { readonly jobId: string; readonly destVersion: string },
  deviceName: string,
): Promise<JobFinding> {
  const beganMs = bench.clock.now();
  let reportedMs: number | undefined;
  for (let round = 0; ; round++) {
    const { tasks } = await bench.page(jobId, { pageSize: 10, deviceName });
    const states = tasks.filter((task) => task.deviceName === deviceName).map(({ state }) => state);
    if (states.includes("SUCCEEDED")) {
      return { choice: "becomes-succeeded", note: "the canceled task became SUCCEEDED when the device reported" };
    }
    if (states.join() !== "CANCELED") throw new CannotTell(`undecided: the task is ${states.join() || "gone"}`);
    const nowMs = bench.clock.now();
    if (reportedMs !== undefined && nowMs - reportedMs >= GRACE_MS + bench.patienceMs) {
      const waited = `${Math.round((nowMs - reportedMs) / 1000)} s`;
      return { choice: "stays-canceled", note: `the task is still CANCELED ${waited} after the new version was read` };
    }
    if (reportedMs === undefined && nowMs - beganMs >= WAIT_MS) {
      throw new CannotTell(`undecided: the device did not report the version within ${WAIT_MS / 60_000} minutes`);
    }
    if (reportedMs === undefined && (await versionOf(bench, deviceName)) === destVersion) {
      reportedMs = bench.clock.now();
      bench.progress("the device runs the new version; watching its task");
    } else if (round % ROUNDS_PER_LINE === ROUNDS_PER_LINE - 1) {
      bench.progress(`waited ${Math.round((nowMs - beganMs) / 1000)} s for the device`);
    }
    await bench.asker.quiet(ROUND_MS);
  }
}

async function versionOf(bench: Bench, deviceName: string): Promise<string | undefined> {
  const { sighting, body } = await bench.send(deviceDetail(deviceName, bench.given));
  if (isRefused(sighting)) throw new CannotTell(`BatchQueryDeviceDetail was refused with ${sighting.code}`);
  return readVersion(body, deviceName);
}
