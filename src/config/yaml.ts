// Parses YAML, and reports mistakes by their place. The library's own messages quote the text,
// which may hold a key.
import { parseDocument, YAMLError } from "yaml";

/**
 * Parses a text. Throws an Error that can be shown; warnings of the library, such as an unknown
 * tag, count as errors.
 */
export function parsedYaml(text: string): unknown {
  const document = parseDocument(text, { logLevel: "error" });
  const [wrong] = [...document.errors, ...document.warnings];
  if (wrong) throw new Error(unquoted(wrong));
  try {
    return document.toJS();
  } catch (error) {
    throw new Error(unquoted(error as Error)); // an alias without its anchor
  }
}

/** Drops what follows a colon, which quotes the text. */
function unquoted(error: Error): string {
  const [what = ""] = error.message.split(/(?<=\S): | \\| at line /);
  const at = error instanceof YAMLError ? error.linePos?.[0] : undefined;
  return at ? `${what} at line ${at.line}, column ${at.col}` : what;
}
