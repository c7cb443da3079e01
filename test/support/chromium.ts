// Starts a headless Chromium that is installed on the system.
import { writeFile } from "node:fs/promises";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, onTestFailed, onTestFinished } from "vitest";
import { smallPng } from "./small-png.js";
import { chromiumPath } from "./system.js";

/** Playwright's limit of half a minute passes on a busy machine; the test's own is enough. */
const NO_LIMIT = 0;

/** One browser for all tests of a file, if there is one, closed after them. */
export function browserOfFile(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const executablePath = chromiumPath();
    if (executablePath === undefined) return;
    // Chromium's sandbox needs rights that a container or root does not have; it opens only our own
    // page.
    const args = ["--no-sandbox", "--headless=new"];
    browser = await chromium.launch({ executablePath, args, timeout: NO_LIMIT });
  });
  afterAll(() => browser?.close());
  return () => browser as Browser;
}

/** A page in a context of its own, until the end of the test. */
export async function ownPage(browser: Browser, options: BrowserContextOptions): Promise<Page> {
  const page = await newPage(browser, options);
  onTestFinished(() => page.context().close());
  return page;
}

const pages = new WeakMap<Browser, Page>();

/**
 * The page that the tests of a file use in turn, blank: to open ours in it takes a third of the
 * processor time that a context of its own takes, and ours keeps nothing in the browser. After a
 * test that failed, there is a new one.
 */
export async function blankPage(browser: Browser): Promise<Page> {
  const page = pages.get(browser) ?? (await newPage(browser));
  pages.set(browser, page);
  onTestFailed(async () => {
    pages.delete(browser);
    await page.context().close();
  });
  page.removeAllListeners();
  await page.goto("about:blank");
  return page;
}

async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(NO_LIMIT);
  return context.newPage();
}

/** Takes a picture of the part that is visible without scrolling, as a PNG. */
export async function takePicture(page: Page, path: string): Promise<Buffer> {
  await page.evaluate("document.fonts.ready");
  const picture = smallPng(await page.screenshot({ animations: "disabled", scale: "css" }));
  await writeFile(path, picture);
  return picture;
}
