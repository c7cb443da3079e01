// A headless Chromium of the system's own: found, or installed where that is allowed, or else asked for.
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";
import { smallPng } from "./small-png.js";

const run = promisify(execFile);

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PACKAGES = ["chromium", "fonts-liberation"];

/** How long a test may have to wait for Chromium to be installed. */
export const INSTALL_MS = 300_000;

/** Starts it. To be closed by whoever asks. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = find() ?? (await install());
  // Its own sandbox needs rights that a container or root does not have; it sees only our own page.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--headless=new"] });
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

async function install(): Promise<string> {
  const why = "this test looks at the admin page in a browser, and there is none";
  const what = `install Chromium (Debian: apt-get install ${PACKAGES.join(" ")}), or name one by the variable CHROMIUM`;
  if (process.getuid?.() !== 0) throw new Error(`${why}: ${what}`);
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await run("apt-get", ["update"], { env });
    await run("apt-get", ["install", "-y", "--no-install-recommends", ...PACKAGES], { env });
  } catch (cause) {
    throw new Error(`${why}, and it could not be installed: ${what}`, { cause });
  }
  const found = find();
  if (!found) throw new Error(`${why}: ${what}`);
  return found;
}
