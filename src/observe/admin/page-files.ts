// Reads the files of the page once, at startup: a build without one of them fails immediately.
import { readFileSync } from "node:fs";
import { extname } from "node:path";

export interface PageFile {
  readonly contentType: string;
  readonly body: string;
}

const NAMES = [
  "page.html",
  "base.css",
  "frame.css",
  "state.css",
  "tokens.css",
  "numbers.css",
  "calls.css",
  "runbook.css",
  "icon.svg",
  "main.js",
  "account.js",
  "beside.js",
  "call-row.js",
  "calls.js",
  "chart.js",
  "connection.js",
  "dom.js",
  "modes.js",
  "operations.js",
  "overview.js",
  "rows.js",
  "tokens.js",
  "waiting.js",
  "words.js",
] as const;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The files by path: `/` is the page, and all others are below `/page/`. */
export const PAGE_FILES: ReadonlyMap<string, PageFile> = new Map(
  NAMES.map((name) => {
    const body = readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8");
    const path = name === "page.html" ? "/" : `/page/${name}`;
    return [path, { contentType: CONTENT_TYPES[extname(name)] ?? "text/plain", body }];
  }),
);
