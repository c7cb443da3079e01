// Reads YAML, and says what is wrong with it by its place: the library's own words quote the text, and somebody may
// have written a key there.
import { parseDocument, YAMLError } from "yaml";

/** Throws an Error that can be shown. What the library would only warn of, a tag that it does not know, is wrong too. */
export function parsedYaml(text: string): unknown {
  const document = parseDocument(text, { logLevel: "error" });
  const [wrong] = [...document.errors, ...document.warnings];
  if (wrong) throw new Error(unquoted(wrong));
  try {
    return document.toJS();
  } catch (error) {
    throw new Error(unquoted(error as Error)); // an alias of nothing
  }
}

/** Without what comes after a colon, which is the text's own. */
function unquoted(error: Error): string {
  const [what = ""] = error.message.split(/(?<=\S): | \\| at line /);
  const at = error instanceof YAMLError ? error.linePos?.[0] : undefined;
  return at ? `${what} at line ${at.line}, column ${at.col}` : what;
}
