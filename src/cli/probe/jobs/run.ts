// Asks the questions about jobs, one after the other. A question that cannot be answered does not
// hold up the others; if the probe ends early, what was found until then is kept.
import { createAsker, Stopped } from "../asker.js";
import { flagOf } from "../report.js";
import { PAUSE_MS, type ProbeOptions } from "../run.js";
import { Bench, CannotTell, type FindingName, type JobFinding } from "./bench.js";
import type { JobsGiven } from "./calls.js";
import { claimJobs } from "./claim.js";
import { QUESTIONS_ABOUT_JOBS } from "./questions.js";

export interface JobsProbe {
  /** A question that was not reached is missing. */
  readonly findings: ReadonlyMap<FindingName, JobFinding>;
  readonly callsSent: number;
  /** Why it ended early; undefined if it did not. */
  readonly endedBy?: string;
}

/** Also resolves if the probe was stopped or the signal came; rejects only on a bug. */
export async function runJobsProbe(given: JobsGiven, options: ProbeOptions): Promise<JobsProbe> {
  const { wire, clock, signal, progress, pauseMs = PAUSE_MS } = options;
  const asker = createAsker({ wire, clock, pauseMs, signal });
  const findings = new Map<FindingName, JobFinding>();
  const learn = (name: FindingName, finding: JobFinding) => {
    findings.set(name, finding);
    progress(`  ${flagOf(name)}: ${[finding.choice ?? finding.answer ?? [], finding.note].flat().join(", ")}`);
  };
  try {
    progress("checking that the batches are those that may be changed");
    const claim = await claimJobs(given, asker);
    const bench = new Bench({ given, claim, asker, clock, progress, learn });
    for (const { answers, does, ask } of QUESTIONS_ABOUT_JOBS) {
      progress(does);
      try {
        await ask(bench);
      } catch (error) {
        if (!(error instanceof CannotTell)) throw error;
        for (const name of answers) if (!findings.has(name)) learn(name, { note: error.message });
      }
    }
    return { findings, callsSent: asker.callsSent };
  } catch (error) {
    if (!(error instanceof Stopped) && !signal.aborted) throw error;
    const endedBy = error instanceof Stopped ? error.message : "interrupted";
    return { findings, callsSent: asker.callsSent, endedBy };
  }
}
