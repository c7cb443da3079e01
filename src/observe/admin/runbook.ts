// The documents for the engineer on call, to which alerts link, as the admin port serves them: of
// the version that runs, and where no repository can be reached. Text as it is written, with an
// anchor at each heading.
import { readFileSync } from "node:fs";

const NAMES = ["metrics.md", "operations.md", "rollouts.md"];

/** The pages by path. A build without a document fails at once. */
export const RUNBOOK: ReadonlyMap<string, string> = new Map(
  NAMES.map((name) => {
    const text = readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");
    return [`/runbook/${name}`, pageOf(name, text)];
  }),
);

function pageOf(title: string, text: string): string {
  const lines = text.split("\n").map((line) => {
    const [, words] = /^#+ (.*)$/.exec(line) ?? [];
    if (words === undefined) return linked(escaped(line));
    return `<b id="${anchorOf(words)}">${escaped(line)}</b>`;
  });
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title} · ota-gateway</title>` +
    `<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">` +
    `<link rel="stylesheet" href="/page/runbook.css"></head><body><pre>${lines.join("\n")}</pre></body></html>\n`
  );
}

/** As repositories make them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}

/** Links within the documents that are served; all others stay text. */
function linked(line: string): string {
  return line.replaceAll(/\[([^\]]*)\]\(([\w.]*)(#[\w-]+)?\)/g, (text, words, name, anchor = "") =>
    NAMES.includes(name) || (name === "" && anchor !== "") ? `<a href="${name}${anchor}">${words}</a>` : text,
  );
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
