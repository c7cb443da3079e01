// A headless Chromium of the system's own: found, or installed where that is allowed, or else asked for.
import { accessSync, constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { provide } from "./debian.js";
import { smallPng } from "./small-png.js";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Without it, tests that look at the page are left out. */
export const hasChromium = find() !== undefined || provide(["chromium"], ["chromium", "fonts-liberation"]);

/** One browser for all tests of a file, if there is any, closed after them. */
export function browserOfFile(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (!hasChromium) return;
    const executablePath = find() ?? "chromium";
    // Its own sandbox needs rights that a container or root does not have; it sees only our own page.
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--headless=new"] });
  });
  afterAll(() => browser?.close());
  return () => browser as Browser;
}

/** A picture of what is to be seen without scrolling, as a PNG. */
export async function takePicture(page: Page, path: string): Promise<Buffer> {
  await page.evaluate("document.fonts.ready");
  const picture = smallPng(await page.screenshot({ animations: "disabled", scale: "css" }));
  await writeFile(path, picture);
  return picture;
}

function find(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env["CHROMIUM"] ?? "", ...candidates].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return path !== "";
  } catch {
    return false;
  }
}
