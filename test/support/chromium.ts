// Starts a headless Chromium that is installed on the system.
import { writeFile } from "node:fs/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { smallPng } from "./small-png.js";
import { chromiumPath } from "./system.js";

/** One browser for all tests of a file, if there is one, closed after them. */
export function browserOfFile(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const executablePath = chromiumPath();
    if (executablePath === undefined) return;
    // Chromium's sandbox needs rights that a container or root does not have; it opens only our own
    // page.
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--headless=new"] });
  });
  afterAll(() => browser?.close());
  return () => browser as Browser;
}

/** Takes a picture of the part that is visible without scrolling, as a PNG. */
export async function takePicture(page: Page, path: string): Promise<Buffer> {
  await page.evaluate("document.fonts.ready");
  const picture = smallPng(await page.screenshot({ animations: "disabled", scale: "css" }));
  await writeFile(path, picture);
  return picture;
}
