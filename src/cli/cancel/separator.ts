// Decides what separates the fields of a CSV, by its first line. The library's own discovery weighs
// every ASCII character, and fails on text that is not ASCII.
import { nameTitleIn } from "./name-words.js";

/** The word for each, for messages. The comma comes last: it also occurs within fields. */
const SEPARATORS: Readonly<Record<string, string>> = {
  ";": "semicolons",
  "\t": "tabs",
  "|": "bars",
  ",": "commas",
};

/** The first line that sets the separator for a spreadsheet, like `sep=;`. */
const SEP_LINE = /^\s*sep=(.)\s*$/i;

/** Whether the line has fields at all. No device name contains a separator. */
export function hasFields(line: string): boolean {
  return SEP_LINE.test(line) || Object.keys(SEPARATORS).some((each) => line.trim().includes(each));
}

export function separatorOf(line: string, column: string | undefined): string {
  const [, told] = SEP_LINE.exec(line) ?? [];
  if (told) return told;
  const found = Object.keys(SEPARATORS).map((separator) => {
    const fields = fieldsOf(line, separator);
    return { separator, fields: fields.length, hasNames: nameTitleIn(fields, column) >= 0 };
  });
  const best = found.reduce((one, other) => {
    if (one.hasNames !== other.hasNames) return other.hasNames ? other : one;
    return other.fields > one.fields ? other : one;
  });
  return best.fields > 1 ? best.separator : ",";
}

export function separatorWord(separator: string): string {
  return SEPARATORS[separator] ?? JSON.stringify(separator);
}

/** Whether a record is the line that says what separates. */
export function isSepRecord([first = "", ...others]: readonly string[]): boolean {
  return /^sep=.?$/i.test(first) && others.every((each) => each === "");
}

function fieldsOf(line: string, separator: string): string[] {
  const unquoted = line.replace(/"[^"]*"/g, (field) => field.replaceAll(separator, " "));
  return unquoted.split(separator).map((field) => field.trim().replace(/^"(.*)"$/, "$1"));
}
