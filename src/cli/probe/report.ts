// Reports what was found, for people and for programs: a line for each open question, the
// emulator's flags that reproduce it, and codes that were not known. It holds no key, product or
// device, so that it can be shared.
import { knownMeaning } from "../../upstream/codes.js";
import { table } from "../terminal/table.js";
import { words } from "./asker.js";
import { INTERPRETATIONS, type Interpretation, type QuestionName } from "./questions.js";
import type { Probe } from "./run.js";

export interface Finding extends Interpretation {
  readonly question: QuestionName;
}

interface NewCode {
  readonly code: string;
  readonly question: string;
  /** Whether the gateway has a row for the code. */
  readonly known: boolean;
}

/** The codes with which the emulator refuses, where they are guesses. */
const EMULATED: Readonly<Partial<Record<QuestionName, RegExp>>> = {
  unknownDevice: /^iot\.device\.NotExistedDevice$/,
  duplicateNames: /^iot\.device\.InvalidFormattedDeviceNameInNameArray$/,
  malformedName: /^iot\.device\.InvalidFormattedDeviceNameInNameArray$/,
  tooManyNames: /^(iot\.device\.TooManyDeviceNamesPerRequest|InvalidDeviceName)$/,
  unknownProduct: /^iot\.prod\.NotExistedProduct$/,
  unknownFirmware: /^iot\.ota\.FirmwareNotFound$/,
  foreignFirmware: /^iot\.ota\.FirmwareAndProductKeyMismatch$/,
  unknownJob: /^iot\.ota\.InvalidJobId$/,
  nothingToCancel: /^iot\.ota\.taskNotExist$/,
  instanceError: /^(iot\.system\.InstanceNotFound|iot\.Sre\.IotInstanceNotFound|iot\.ota\.InstanceIdMisMatch)$/,
  throttleCode: /^Throttling(\.User|\.Api)?$/,
};

export function findingsOf({ evidence }: Probe): readonly Finding[] {
  return Object.entries(INTERPRETATIONS).map(([question, read]) => ({
    question: question as QuestionName,
    ...read(evidence),
  }));
}

/** The flags of `emulate` that reproduce the clear answers. */
export function emulateArguments(findings: readonly { question: string; choice?: string }[]): readonly string[] {
  return findings.flatMap(({ question, choice }) => (choice === undefined ? [] : [`--${flagOf(question)}`, choice]));
}

export const NEW_CODES = "Codes that the emulator does not use; please report them to the project, with this report:";

/** The text of a report. `unclear` says what `?` means; a section without lines is left out. */
export function framed(
  { endedBy, callsSent }: { readonly endedBy?: string | undefined; readonly callsSent: number },
  rows: readonly (readonly string[])[],
  unclear: string,
  emulate: readonly string[],
  sections: readonly (readonly [heading: string, lines: readonly string[]])[],
): string {
  const flags = `  ota-gateway emulate ${emulate.join(" ")}`;
  return [
    ...(endedBy === undefined ? [] : [`Not finished: ${endedBy}`, ""]),
    table(rows),
    "",
    `${callsSent} calls were sent. ? means ${unclear}, or that the emulator has no such choice.`,
    ...(emulate.length > 0 ? ["To make the emulator answer like this:", "", flags] : []),
    ...sections.flatMap(([heading, lines]) => (lines.length === 0 ? [] : ["", heading, ...lines])),
    "",
  ].join("\n");
}

export function reportText(probe: Probe): string {
  if (probe.endedBy !== undefined && Object.keys(probe.evidence.trials).length === 0) {
    return `Nothing was found out: ${probe.endedBy}\n`;
  }
  const findings = findingsOf(probe);
  const codes = newCodes(findings).map(
    ({ code, question, known }) => `  ${code} (${question}${known ? "" : ", unknown to the gateway"})`,
  );
  const rows = findings.map(({ question, choice, seen, note }) => [
    flagOf(question),
    choice ?? "?",
    [...(seen && seen.kind !== "unanswered" ? [words(seen)] : []), ...(note ? [note] : [])].join("; "),
  ]);
  return framed(probe, [["question", "answer", "seen"], ...rows], "unclear", emulateArguments(findings), [
    [NEW_CODES, codes],
  ]);
}

export function reportJson(probe: Probe): object {
  const findings = findingsOf(probe);
  return {
    finished: probe.endedBy === undefined,
    endedBy: probe.endedBy,
    callsSent: probe.callsSent,
    findings: findings.map(({ question, choice, note, seen }) => ({ question: flagOf(question), choice, note, seen })),
    emulate: emulateArguments(findings),
    newCodes: newCodes(findings),
  };
}

/** Codes of refusals that the emulator would have answered with another code. */
function newCodes(findings: readonly Finding[]): readonly NewCode[] {
  return findings.flatMap(({ question, seen, choice, unlisted }) => {
    const expected = EMULATED[question];
    // A refusal for another reason than the question has an unrelated code.
    const own = unlisted ?? (choice !== undefined && choice !== "ignore");
    if (seen?.kind !== "refused" || !expected || !own || expected.test(seen.code)) return [];
    return [{ code: seen.code, question: flagOf(question), known: knownMeaning(seen.code) !== undefined }];
  });
}

export function flagOf(question: string): string {
  return question.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
