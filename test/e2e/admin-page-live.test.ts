// The page of the real program, in a real browser, during a real cancel: what it shows is what the emulator
// counted less than a second ago.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededName } from "../../src/emulator/seeded-name.js";
import { Priority } from "../../src/gen/ota/v1/ota_service.js";
import { rowsOf, SOON, textOf } from "../support/admin-page.js";
import { browserOfFile, takePicture } from "../support/chromium.js";
import { createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import {
  type EmulatorProgram,
  endPrograms,
  type GatewayProgram,
  runEmulator,
  runGateway,
  until,
} from "../support/processes.js";
import { systemHas } from "../support/system.js";

const DEVICES = 20_000;
const DEVICES_PER_REQUEST = 500;

/** `OTA_PICTURE=docs/admin-page.png npx vitest run test/e2e/admin-page-live.test.ts` makes the picture in docs/. */
const PICTURE = process.env["OTA_PICTURE"];
const PICTURE_AT = 12_000;

const CALLERS = [
  { caller: "fleet-backend", devices: 0.6 * DEVICES, priority: Priority.BULK },
  { caller: "rollout-console", devices: 0.25 * DEVICES, priority: Priority.NORMAL },
  { caller: "spiffe://acme.example/ns/prod/sa/scheduler", devices: 0.1 * DEVICES, priority: Priority.BULK },
  { caller: "support-desk", devices: 0.05 * DEVICES, priority: Priority.URGENT },
];

const browser = browserOfFile();
let emulator: EmulatorProgram;
let gateway: GatewayProgram;
beforeAll(async () => {
  emulator = await runEmulator("--devices", `${DEVICES}`, "--latency-ms", "20", "--jitter-ms", "20");
  gateway = await runGateway(emulator.url);
});
afterAll(endPrograms);

/** How many devices, by the wall clock, which is the same for browser and emulator here. */
interface Reading {
  readonly wallMs: number;
  readonly devices: number;
}

describe.runIf(systemHas("chromium"))("the admin page of a running gateway", () => {
  it(`shows a cancel of ${DEVICES} devices less than a second after the emulator counts it`, async () => {
    await gateway.opened();
    const page = await browser().newPage();
    await page.goto(gateway.admin);
    await expect.poll(() => page.title()).toMatch(/^Within quota, 0 devices/);
    await page.evaluate(`
      globalThis.shown = [];
      const accepted = document.getElementById("accepted");
      const note = () => shown.push({ wallMs: Date.now(), devices: Number(accepted.textContent.replaceAll(",", "")) });
      new MutationObserver(note).observe(accepted, { childList: true });
    `);
    const cancelled = cancelAll();
    const counted: Reading[] = [];
    while (counted.at(-1)?.devices !== DEVICES) {
      counted.push({ wallMs: Date.now(), devices: (await emulator.stats()).devicesCanceled });
    }
    expect((await cancelled).every(({ success }) => success)).toBe(true);
    await expect.poll(() => textOf(page, "accepted"), SOON).toBe("20,000");
    const shown = (await page.evaluate("shown")) as Reading[];
    const lagsMs = counted.map(({ wallMs, devices }) => {
      const caughtUp = shown.find((reading) => reading.devices >= devices);
      return devices === 0 ? 0 : (caughtUp?.wallMs ?? Infinity) - wallMs;
    });
    // A browser, an emulator and a gateway share two cores here: one time in twenty may be theirs.
    expect(lagsMs.sort((a, b) => a - b)[Math.floor(lagsMs.length * 0.95)]).toBeLessThan(1000);

    expect(await textOf(page, "calls-most")).toBe("most in any second 10, allowed 10");
    expect((await rowsOf(page, "callers")).toSorted()).toEqual(
      [...CALLERS, { caller: "unlucky", devices: 1 }]
        .map(({ caller, devices }) => `${caller} | 0 | – | ${new Intl.NumberFormat("en").format(devices)}`)
        .toSorted(),
    );
    const { arrivals } = await emulator.stats();
    const results = (await page.locator("#results dd").allTextContents()).map(Number);
    expect(results.reduce((sum, count) => sum + count, 0)).toBe(arrivals);
  }, 60_000);

  it("names the call of a device by the request id that its caller was told", async () => {
    const page = await browser().newPage();
    await page.goto(gateway.admin);
    const { calls } = await createCaller(gateway.grpc, { "x-ota-caller": "somebody" }).cancel([seededName(0)]).answer;
    await page.getByLabel("Find").fill(calls[0]?.requestId ?? "none");
    await expect.poll(() => rowsOf(page, "calls")).toEqual([expect.stringMatching(/somebody 1.*accepted/)]);
  });

  if (PICTURE !== undefined) {
    it("poses for the picture in docs/", async () => {
      const page = await browser().newPage({ viewport: { width: 1280, height: 1240 } });
      await page.goto(gateway.admin);
      const before = (await emulator.stats()).repeatedCancels;
      const cancelled = cancelAll();
      await until(async () => (await emulator.stats()).repeatedCancels - before > PICTURE_AT);
      expect((await takePicture(page, PICTURE)).length).toBeLessThan(150_000);
      await cancelled;
    }, 60_000);
  }

  async function cancelAll() {
    let next = 0;
    const answers = CALLERS.flatMap(({ caller: name, devices, priority }) => {
      const caller = createCaller(gateway.grpc, { "x-ota-caller": name });
      return Array.from({ length: devices / DEVICES_PER_REQUEST }, () => {
        const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, () => seededName(next++));
        return caller.cancel(deviceNames, { priority }).answer;
      });
    });
    const unlucky = createCaller(gateway.grpc, { "x-ota-caller": "unlucky" });
    const request = { priority: Priority.URGENT, firmwareId: "NoSuchFirmware" };
    await failureOf(unlucky.cancel([seededName(0)], request).answer);
    return Promise.all(answers);
  }
});
