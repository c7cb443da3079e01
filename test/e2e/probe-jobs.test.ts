// The questions about jobs, asked of an emulator set each way: what the probe reports is how the emulator was set, and
// nothing is changed but the batches that were named.
import { afterAll, describe, expect, it } from "vitest";
import { jobsReportJson, jobsReportText } from "../../src/cli/probe/jobs/report.js";
import type { JobsProbe } from "../../src/cli/probe/jobs/run.js";
import { emulatorFlags } from "../../src/emulator/flags.js";
import { JOB_QUESTIONS, OPEN_DEFAULTS, type OpenQuestions } from "../../src/emulator/open-questions.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import {
  EVERY_JOB,
  FIRMWARE,
  givenFor,
  OTHER_FIRMWARE,
  PRODUCT,
  REPORTING,
  startProbingJobs,
  VERIFIED,
} from "../support/probing-jobs.js";
import { endPrograms, KEYS, run, runEmulator } from "../support/processes.js";
import { seededRandom } from "../support/seeded-random.js";

const NAMES = Object.keys(JOB_QUESTIONS) as (keyof typeof JOB_QUESTIONS)[];
const EACH = NAMES.flatMap((name) => JOB_QUESTIONS[name].choices.map((choice) => [name, choice] as const));
/** Long enough that the probe sees how a cancel is applied. */
const SLOW = { byJobDelayMs: 8000 };
const CHANGING = ["CancelOTATaskByJob", "CancelOTAStrategyByJob", "CancelOTATaskByDevice"];

const choicesOf = ({ findings }: JobsProbe) =>
  Object.fromEntries([...findings].flatMap(([name, { choice }]) => (choice === undefined ? [] : [[name, choice]])));

const only = (settings: OpenQuestions) => Object.fromEntries(NAMES.map((name) => [name, settings[name]]));

describe("ota-gateway probe jobs", () => {
  it.for(EACH)("finds out that %s is %s, and how everything else is", async ([name, choice], test) => {
    const settings = { ...OPEN_DEFAULTS, [name]: choice };
    const { run: probe } = await startProbingJobs(test, EVERY_JOB, { ...settings, ...SLOW });
    const found = await probe(givenFor(EVERY_JOB));
    expect(found.endedBy).toBeUndefined();
    expect(choicesOf(found)).toMatchObject(only(settings));
    expect(jobsReportJson(found)).toMatchObject({ finished: true, newCodes: [] });
  });

  it("finds out all of it, however the emulator is set", async (test) => {
    const random = seededRandom(11);
    for (let round = 0; round < 15; round++) {
      const pick = (choices: readonly string[]) => choices[Math.floor(random() * choices.length)];
      const drawn = NAMES.map((name) => [name, pick(JOB_QUESTIONS[name].choices)]);
      const settings = { ...OPEN_DEFAULTS, ...Object.fromEntries(drawn) } as OpenQuestions;
      const lag = { byJobDelayMs: 6000 + Math.floor(random() * 6000), listLagMs: Math.floor(random() * 5000) };
      const { run: probe } = await startProbingJobs(test, EVERY_JOB, { ...settings, ...lag });
      const found = await probe(givenFor(EVERY_JOB));
      const { byJobDelayMs, listLagMs, ...choices } = choicesOf(found);
      expect(choices).toEqual(only(settings));
      // The two numbers are what the readings bound them to.
      expect(Number(byJobDelayMs)).toBeGreaterThanOrEqual(lag.byJobDelayMs);
      expect(Number(byJobDelayMs)).toBeLessThan(lag.byJobDelayMs + 3000);
      if (listLagMs !== "0") expect(Number(listLagMs)).toBeGreaterThanOrEqual(lag.listLagMs);
    }
  });

  it("reports a platform that applies cancels at once, and does not guess how it would apply them later", async (test) => {
    const { run: probe } = await startProbingJobs(test);
    const found = await probe(givenFor(EVERY_JOB));
    const { byJobApplied, ...others } = only(OPEN_DEFAULTS);
    expect(choicesOf(found)).toEqual({ ...others, byJobDelayMs: "0", listLagMs: "0" });
    const { emulate } = jobsReportJson(found) as { emulate: string[] };
    const known = emulatorFlags().map(({ long }) => long);
    expect(emulate).toHaveLength(2 * Object.keys(choicesOf(found)).length);
    for (const flag of emulate.filter((_, at) => at % 2 === 0)) expect(known).toContain(flag);
    expect(found.findings.get("byJobApplied")?.note).toMatch(/^undecided: it was applied too soon/);
  });

  it("reports facts that no flag stands for", async (test) => {
    const { run: probe } = await startProbingJobs(test, EVERY_JOB, { canceledJob: "reject" });
    const { findings } = await probe(givenFor(EVERY_JOB));
    const answer = (name: Parameters<typeof findings.get>[0]) => findings.get(name)?.answer;
    expect(answer("pageSize")).toBe("10");
    expect(answer("totalByState")).toBe("follows");
    expect(answer("listsAgree")).toBe("yes");
    expect(answer("taskDesc")).toBe("empty");
    expect(answer("closingKeepsTasks")).toBe("yes");
    expect(answer("repeatedCancel")).toBe("iot.ota.JobCanceled (HTTP 200)");
    expect(findings.get("unknownJob")?.note).toMatch(
      /^iot\.ota\.InvalidJobId \(HTTP 200\) from QueryOTAJob, .*; iot\.ota\.FirmwareNotFound \(HTTP 200\) from ListOTAJob/,
    );
  });

  it("asks what the named batches allow, and says what the other questions need", async (test) => {
    const [running] = EVERY_JOB;
    const planned = EVERY_JOB.filter(({ jobId }) => jobId === "planned-1");
    const specs = [...(running ? [running] : []), ...planned];
    const { run: probe } = await startProbingJobs(test, specs, SLOW);
    const { findings, endedBy } = await probe({ ...givenFor(specs), reportingDevice: undefined });
    const note = (name: Parameters<typeof findings.get>[0]) => findings.get(name)?.note;
    expect(endedBy).toBeUndefined();
    expect(findings.get("emptiedJob")?.choice).toBe("CANCELED");
    expect(note("plannedTasks")).toMatch(/CancelQueuedTask reaches .* needs a second such batch/);
    expect(note("verifyJob")).toMatch(/^not asked; needs a verification batch/);
    expect(note("strategyOfClosed")).toMatch(/^not asked; needs an open dynamic batch/);
    expect(note("lateSuccess")).toMatch(/^not asked; needs --reporting-device/);
  });

  it("gives up on a device that does not report, after ten minutes in which it shows that it waits", async (test) => {
    const { run: probe } = await startProbingJobs(test);
    const lines: string[] = [];
    const { findings } = await probe(givenFor(EVERY_JOB), { progress: (line) => lines.push(line) });
    expect(findings.get("lateSuccess")?.note).toMatch(/did not report the version within 10 minutes/);
    const waits = lines.filter((line) => line.startsWith("waited "));
    expect(waits.length).toBeGreaterThan(5);
    expect(waits.length).toBeLessThan(12);
  });

  it("sends one call at a time, none sooner than 1.1 s after the last", async (test) => {
    const instanceId = "iot-probed";
    const { run: probe, calls } = await startProbingJobs(test, EVERY_JOB, { ...SLOW, instanceId });
    const found = await probe({ ...givenFor(EVERY_JOB), instanceId });
    expect(found.endedBy).toBeUndefined();
    expect(calls.length).toBeGreaterThan(100);
    const gaps = calls.slice(1).map(({ sentMs }, at) => sentMs - (calls[at]?.sentMs ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1100);
  });

  it("names in its changing calls only sacrificial batches, or one that does not exist", async (test) => {
    const { run: probe, calls, emulator } = await startProbingJobs(test, EVERY_JOB, { canceledJob: "reject" });
    const given = givenFor(EVERY_JOB);
    const ended = emulator.rollouts().filter(({ jobId }) => !given.jobs.includes(jobId));
    await probe(given);
    const changing = calls.filter(({ action }) => CHANGING.includes(action));
    const named = new Set(changing.map(({ parameters }) => new Map(parameters).get("JobId")));
    const madeUp = [...named].filter((jobId) => !given.jobs.includes(jobId ?? ""));
    expect(madeUp).toEqual([expect.stringMatching(/^[A-Za-z0-9]{26}$/)]);
    expect(changing.some(({ action }) => action === "CancelOTATaskByDevice")).toBe(true);
    expect(emulator.rollouts().filter(({ jobId }) => !given.jobs.includes(jobId))).toEqual(ended);
  });
});

describe("ota-gateway probe jobs, before its first change", () => {
  const given = givenFor(EVERY_JOB);

  it.for([
    ["a batch is of another product", { productKey: "a1Another" }, /of another product/],
    ["a batch is of another package", { firmwareIds: [FIRMWARE, OTHER_FIRMWARE] }, /of another package than/],
    ["a batch that was not named is running", { jobs: ["running"] }, /running batches that are not sacrificial \(4\)/],
    [
      "a device was not named",
      { devices: given.devices.slice(0, -1) },
      /unfinished tasks of devices .* not sacrificial \(1/,
    ],
    [
      "a batch does not exist",
      { jobs: [...given.jobs, "nothing"] },
      /QueryOTAJob was refused with iot\.ota\.InvalidJobId/,
    ],
    ["the reporting device is not one of them", { reportingDevice: "another" }, /must also be given as/],
  ] as const)("stops if %s", async ([, wrong, message], test) => {
    const { run: probe, calls } = await startProbingJobs(test);
    const { endedBy, findings } = await probe({ ...given, ...wrong });
    expect(endedBy).toMatch(message);
    expect(findings.size).toBe(0);
    expect(calls.filter(({ action }) => CHANGING.includes(action))).toEqual([]);
  });

  it("stops if a batch is larger than one made for this would be", async (test) => {
    const specs = [{ jobId: "large", devices: 100 }];
    const { run: probe } = await startProbingJobs(test, specs);
    expect((await probe(givenFor(specs))).endedBy).toMatch(/has 100 tasks or more/);
  });
});

describe("ota-gateway probe jobs, on its way", () => {
  it("keeps what it found when it is interrupted, and sends nothing more", async (test) => {
    const ending = new AbortController();
    const { run: probe, calls } = await startProbingJobs(test);
    let sent = 0;
    const found = await probe(givenFor(EVERY_JOB), {
      signal: ending.signal,
      progress: (line) => {
        if (!line.includes("task-desc:")) return;
        sent = calls.length;
        ending.abort();
      },
    });
    expect(found.endedBy).toBe("interrupted");
    expect(calls).toHaveLength(sent);
    expect(choicesOf(found)).toMatchObject({ strategyOfStatic: "reject", byJobDelayMs: "0" });
    expect(jobsReportText(found)).toMatch(/^Not finished: interrupted\n(.*\n)* +emptied-job +\? +not reached\n/);
  });

  it("stops when a batch takes in a device that was not named", async (test) => {
    const { run: probe, emulator } = await startProbingJobs(test, [
      { jobId: "dynamic", kind: "dynamic", devices: 1, joinsPerSecond: 1 },
    ]);
    const devices = emulator.rollouts().find(({ jobId }) => jobId === "dynamic")?.tasks.QUEUED ?? 0;
    // Enough names for the first readings, and not for those before the first change.
    const given = { ...givenFor([{ jobId: "dynamic", devices: devices + 5 }]), reportingDevice: undefined };
    const { endedBy, findings } = await probe(given);
    expect(endedBy).toMatch(/has taken in a device that is not sacrificial/);
    expect([...findings.keys()].at(-1)).toBe("unknownJob");
    expect(emulator.rollouts().find(({ jobId }) => jobId === "dynamic")?.isOpenToDevices).toBe(true);
  });

  it("draws no conclusion from a change that was sent again after a lost answer", async (test) => {
    let closings = 0;
    const { run: probe } = await startProbingJobs(test, EVERY_JOB, {
      faults: ({ action, parameters }) => {
        const isFirst =
          action === "CancelOTAStrategyByJob" && parameters.get("JobId") === "dynamic" && closings++ === 0;
        return isFirst ? { kind: "reset", applied: true } : undefined;
      },
    });
    const { findings } = await probe(givenFor(EVERY_JOB));
    expect(findings.get("strategyOfClosed")).toEqual({
      note: "CancelOTAStrategyByJob was sent again after an answer was lost",
    });
  });

  it("says which right is missing, and asks the rest", async (test) => {
    const forbidden = { kind: "error", shape: "gateway", status: 403, code: "Forbidden.RAM", message: "" } as const;
    const { run: probe } = await startProbingJobs(test, EVERY_JOB, {
      faults: ({ action }) => (action === "CancelOTAStrategyByJob" ? forbidden : undefined),
    });
    const { findings, endedBy } = await probe(givenFor(EVERY_JOB));
    expect(endedBy).toBeUndefined();
    expect(findings.get("strategyOfStatic")?.note).toBe("the keys lack the permission iot:CancelOTAStrategyByJob");
    expect(findings.get("emptiedJob")?.choice).toBe("CANCELED");
  });

  it("reports a code that nobody knows, with its RequestId, and takes it for no choice of the emulator", async (test) => {
    const strange = { kind: "error", shape: "service", status: 200, code: "iot.ota.Strange", message: "" } as const;
    const { run: probe } = await startProbingJobs(test, EVERY_JOB, {
      faults: ({ action, parameters }) =>
        action === "CancelOTATaskByJob" && !parameters.has("CancelQueuedTask") ? strange : undefined,
    });
    const found = await probe(givenFor(EVERY_JOB));
    const finding = expect.objectContaining({
      question: "missing-flags",
      requestId: expect.stringMatching(/^\S{8,}$/),
    });
    expect(found.findings.get("missingFlags")).not.toHaveProperty("choice");
    expect(jobsReportJson(found)).toMatchObject({
      findings: expect.arrayContaining([finding]),
      newCodes: [{ code: "iot.ota.Strange", question: "missing-flags", known: false }],
    });
  });
});

afterAll(endPrograms);

describe.concurrent("ota-gateway probe jobs, the program", () => {
  const packages = ["--product-key", PRODUCT, "--firmware-id", FIRMWARE];
  const devices = givenFor(EVERY_JOB).devices.flatMap((name) => ["--sacrificial-device", name]);
  const flags = ["probe", "jobs", ...packages, "--sacrificial-job", "running", ...devices];

  it("says what it would send, change and need, and sends nothing, for --dry-run and without consent", async () => {
    const upstream = await startHttpUpstream(() => ({}));
    const dry = run([...flags, "--upstream-url", upstream.url, "--dry-run"], KEYS);
    const silent = run([...flags, "--upstream-url", upstream.url], KEYS);
    expect(await dry.ended).toBe(0);
    expect(dry.stdout).toMatch(/^Up to \d+ calls go to http:/);
    for (const name of Object.keys(JOB_QUESTIONS)) {
      expect(dry.stdout).toContain(name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`));
    }
    expect(dry.stdout).toMatch(/late-success\n +does (.*\n)+? +needs .*\n +after +late-success has no answer unless/);
    expect(await silent.ended).toBe(2);
    expect(upstream.calls).toHaveLength(0);
    await upstream.close();
  });

  it("reports at the first SIGINT what it knows, as JSON, and prints nothing that it was given", async () => {
    const rollout = JSON.stringify({ jobId: "running", devices: 1 });
    const emulator = await runEmulator("--product-key", PRODUCT, "--firmware-id", FIRMWARE, "--rollout", rollout);
    const program = run([...flags, "--upstream-url", emulator.url, "--yes", "--json"], KEYS);
    await program.said(/page-size: \S+/);
    program.kill("SIGINT");
    expect(await program.ended).toBe(1);
    const finding = expect.objectContaining({ question: "page-size", answer: "10" });
    const findings = expect.arrayContaining([finding]);
    expect(JSON.parse(program.stdout)).toMatchObject({ finished: false, endedBy: "interrupted", findings });
    for (const secret of [PRODUCT, FIRMWARE, REPORTING, VERIFIED, "testsecret"]) {
      expect(program.stdout + program.stderr).not.toContain(secret);
    }
  });

  it.each([
    ["no batch", ["probe", "jobs", ...packages], /required option '--sacrificial-job/],
    [
      "a flag of probe alone",
      [...flags, "--idle-device", "device-1"],
      /--idle-device belongs to probe, not to probe jobs/,
    ],
    ["an empty flag that both share", [...flags, "--instance-id", ""], /--instance-id/],
  ])("exits 2 at %s", async (_, args, message) => {
    const program = run(args, KEYS);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(message);
  });
});
