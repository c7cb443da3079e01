// Reports what was found about jobs, in words and for programs: each question with its answer, the
// emulator's flags that reproduce it, and the RequestIds of surprising answers. It holds no key,
// product, package, batch or device.
import { knownMeaning } from "../../../upstream/codes.js";
import { words } from "../asker.js";
import { emulateArguments, flagOf, framed, NEW_CODES } from "../report.js";
import type { FindingName, JobFinding } from "./bench.js";
import { isRefused } from "./question.js";
import { FINDING_NAMES } from "./questions.js";
import type { JobsProbe } from "./run.js";

/** The codes with which the emulator refuses, where they are guesses. */
const EMULATED: Readonly<Partial<Record<FindingName, RegExp>>> = {
  unknownJob: /^iot\.ota\.InvalidJobId$/,
  missingFlags: /^(MissingCancelQueuedTask|iot\.system\.IllegalRequest)$/,
  allFlagsFalse: /^(MissingCancelQueuedTask|iot\.system\.IllegalRequest)$/,
  strategyOfStatic: /^iot\.ota\.noDynamicJob$/,
  strategyOfClosed: /^iot\.ota\.JobHasCanceled$/,
  canceledJob: /^iot\.ota\.JobCanceled$/,
  verifyJob: /^iot\.ota\.InvalidJobId$/,
};

interface Row extends JobFinding {
  readonly question: string;
  /** A code that the emulator does not use here. */
  readonly newCode: string | undefined;
}

export function jobsReportText(probe: JobsProbe): string {
  if (probe.endedBy !== undefined && probe.findings.size === 0) return `Nothing was found out: ${probe.endedBy}\n`;
  const rows = rowsOf(probe);
  const lines = rows.map((row) => [row.question, row.choice ?? row.answer ?? "?", noteOf(row)]);
  const surprises = rows.filter(isSurprising).map(({ question, seen }) => `  ${question}  ${seen?.requestId}`);
  const codes = rows.flatMap(({ question, newCode }) => (newCode === undefined ? [] : [`  ${newCode}  (${question})`]));
  const unclear = "that the answers do not decide";
  return framed(probe, [["question", "answer", "in words"], ...lines], unclear, emulateArguments(rows), [
    ["RequestIds of surprising answers, for the vendor's support:", surprises],
    [NEW_CODES, codes],
  ]);
}

export function jobsReportJson(probe: JobsProbe): object {
  const rows = rowsOf(probe);
  return {
    finished: probe.endedBy === undefined,
    endedBy: probe.endedBy,
    callsSent: probe.callsSent,
    findings: rows.map((row) => ({
      question: row.question,
      choice: row.choice,
      answer: row.answer,
      note: row.note,
      seen: row.seen?.sighting,
      requestId: isSurprising(row) ? row.seen?.requestId : undefined,
    })),
    emulate: emulateArguments(rows),
    newCodes: rows.flatMap(({ question, newCode }) =>
      newCode === undefined ? [] : [{ code: newCode, question, known: knownMeaning(newCode) !== undefined }],
    ),
  };
}

/** Every question, in the order of asking. */
function rowsOf({ findings }: JobsProbe): readonly Row[] {
  return FINDING_NAMES.map((name) => {
    const finding: JobFinding = findings.get(name) ?? { note: "not reached" };
    return { question: flagOf(name), ...finding, newCode: newCodeOf(name, finding) };
  });
}

function newCodeOf(name: FindingName, { seen }: JobFinding): string | undefined {
  const expected = EMULATED[name];
  if (!seen || !expected || !isRefused(seen.sighting) || expected.test(seen.sighting.code)) return undefined;
  return seen.sighting.code;
}

function isSurprising({ surprising, newCode }: Row): boolean {
  return surprising === true || newCode !== undefined;
}

function noteOf({ note, seen }: Row): string {
  const answer = seen === undefined ? "" : words(seen.sighting);
  return answer === "" || note.includes(answer) ? note : `${note}; ${answer}`;
}
