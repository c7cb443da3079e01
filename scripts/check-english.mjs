// Checks the rules of CONTRIBUTING.md ("English") that a program can check: phrases to avoid, sentence
// beginnings, American spelling, and prose lines of at most 100 characters. It reads documents and
// comments; tables, code, links and quoted test titles are exempt. Ends with 1 if a rule is broken.
//
// usage: node scripts/check-english.mjs [PATH…]      (without paths: PLACES)
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The files and folders to check. Still to come: the rest of `test`. */
const PLACES = [
  ...["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "proto/ota", "deploy", "Dockerfile"],
  ...["bench", "scripts", "test/support", "src/cli.ts", "src/healthcheck.ts", "src/base", "src/cli", "src/client"],
  ...["src/config", "src/emulator", "src/gateway", "src/grpc", "src/identity", "src/limiter", "src/observe"],
  ...["src/network", "src/operations", "src/rollout", "src/serve", "src/tracing", "src/upstream"],
  ...["src/verification", "test/unit/base", "test/unit/gateway", "test/unit/identity", "test/unit/limiter"],
  ...["test/unit/network", "test/unit/observe/admin", "test/unit/observe/audit", "test/unit/verification"],
  ...["test/contract", "test/property"],
];
/** Not checked: the list of phrases itself. */
const EXEMPT = ["scripts/check-english.mjs"];
/** Text that may stand although it breaks a rule. */
const ALLOWED = /\btold apart\b/g;
const MOST_CHARACTERS = 100;
const FILES = /(\.(md|proto|ts|m?js|sh|ya?ml|conf)|Dockerfile)$/;
const PHRASES = [
  ...["but for", "save that", "anew", "at the most", "at the least", "in vain", "as many as may", "reckon(s|ed)?"],
  ...["whoever", "whosoever", "(is|are|be|been|was|were) told", "(is|are|was|were) dear", "on board", "of no use"],
  ...["of which", "of whom", "for whom", "to be had", "for ever", "so long as"],
];
const BRITISH = [
  ...["cancelled", "cancelling", "behaviours?", "colours?", "licences?", "defences?", "honours?", "neighbours?"],
  ...["labelled", "modelled", "travell(ed|ing|er)", "centres?", "catalogue", "grey", "misspelt", "learnt"],
  "(organ|recogn|serial|synchron|initial|author|optim|summar|minim|normal)is(e|es|ed|ing|ation)",
];
const RULES = [
  ["phrase to avoid", new RegExp(`\\b(${PHRASES.join("|")})\\b`, "i")],
  ["British spelling", new RegExp(`\\b(${BRITISH.join("|")})\\b`)],
  ["sentence begins with a free relative", /(^|[.:;!?] )(Who|What|Whatever|Whichever|Which) (?!.*\?)/],
];

const filesIn = (path) =>
  !statSync(path).isDirectory()
    ? [path]
    : readdirSync(path).flatMap((name) => (name === "node_modules" ? [] : filesIn(join(path, name))));

/** The comment in a line of code: all of it, or what follows the code; "" if there is none. */
function commentIn(line, path) {
  if (!/\.(ts|m?js|proto)$/.test(path)) return /^\s*#( ?[^\s/]|$)/.test(line) ? line : "";
  if (/^\s*(\/\/|\/\*\*|\*)( ?[^\s/]|$)/.test(line)) return line;
  return / \/\/ .*$/.exec(line)?.[0] ?? "";
}

/** The lines of prose in a file: documents without code and headings, and comments without code. */
function linesOf(path) {
  let isCode = false;
  return readFileSync(path, "utf8")
    .split("\n")
    .map((line) => {
      if (!path.endsWith(".md")) return commentIn(line, path);
      if (/^\s*```/.test(line)) isCode = !isCode;
      return isCode || /^\s*```|^#|^!\[/.test(line) ? "" : line;
    });
}

/** The words of a line, without the marks of comments and lists, quotations, code and links. */
const wordsOf = (line) =>
  line
    .replaceAll(/“[^”]*”|`[^`]*`/g, "`code`")
    .replace(/^\s*(\/\/|\/\*\*|\*|#|[-*]|\d+\.|\|)\s*/, "")
    .replaceAll(/\*\*|\]\([^)]*\)|https?:\S+/g, "")
    .replaceAll(ALLOWED, "");

function mistakesIn(path) {
  const lines = linesOf(path);
  return lines.flatMap((line, at) => {
    const words = wordsOf(line);
    const withNext = `${words} ${wordsOf(lines[at + 1] ?? "").slice(0, 20)}`; // a phrase may span two lines
    const found = RULES.map(([name, rule]) => [name, rule.exec(withNext)])
      .filter(([, match]) => match && match.index < words.length)
      .map(([name, [text]]) => `${name}: ${text.trim()}`);
    const length = line.replaceAll(/\]\([^)]*\)|https?:\S+/g, "]").length;
    const isTable = /^[\s/*#]*\|/.test(line);
    if (length > MOST_CHARACTERS && !isTable) found.push(`${length} characters, at most ${MOST_CHARACTERS}`);
    return found.map((mistake) => `${path}:${at + 1}: ${mistake}`);
  });
}

const places = process.argv.length > 2 ? process.argv.slice(2) : PLACES;
const files = places.flatMap(filesIn).filter((path) => FILES.test(path) && !EXEMPT.includes(path));
const mistakes = files.flatMap(mistakesIn);
if (mistakes.length > 0) process.stderr.write(`${mistakes.join("\n")}\n`);
process.exitCode = mistakes.length > 0 ? 1 : 0;
