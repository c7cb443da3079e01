// The page of the real program, in a real browser, during a real cancel: what it shows follows what the emulator
// counts, and is never ahead of it.
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Priority } from "../../src/gen/ota/v1/ota_service.js";
import { rowsOf, textOf } from "../support/admin-page.js";
import { blankPage, browserOfFile, ownPage, takePicture } from "../support/chromium.js";
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

/** `OTA_PICTURE=docs/admin-page.png npx vitest run test/e2e/admin-page-live.test.ts` makes the picture in docs/. */
const PICTURE = process.env["OTA_PICTURE"];
const PICTURE_AT = 12_000;

const DEVICES = PICTURE === undefined ? 10_000 : 20_000;
const DEVICES_PER_REQUEST = 500;

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

describe.runIf(systemHas("chromium"))("the admin page of a running gateway", () => {
  it(`shows a cancel of ${DEVICES} devices while it goes on, and nothing that the emulator has not counted`, async () => {
    await gateway.opened();
    const page = await blankPage(browser());
    await page.goto(gateway.admin);
    await expect.poll(() => page.title()).toMatch(/^(Idle|Not yet proven), 0 devices/);
    const cancelled = cancelAll();
    const shown = new Set<number>();
    let counted = 0;
    let accepted = "0";
    while (counted < DEVICES) {
      accepted = await changed(page, accepted);
      const devices = Number(accepted.replaceAll(",", ""));
      counted = (await emulator.stats()).devicesCanceled;
      expect(devices).toBeLessThanOrEqual(counted);
      shown.add(devices);
    }
    expect(shown.size).toBeGreaterThan(3); // and not only the beginning and the end
    expect((await cancelled).every(({ success }) => success)).toBe(true);
    await expect.poll(() => textOf(page, "accepted")).toBe(new Intl.NumberFormat("en").format(DEVICES));

    expect(await textOf(page, "calls-most")).toMatch(/^peak ([1-9]|10) in any second, limit 10$/);
    expect((await rowsOf(page, "callers")).toSorted()).toEqual(
      [...CALLERS, { caller: "unlucky", devices: 1 }]
        .map(({ caller, devices }) => `${caller} | 0 | – | ${new Intl.NumberFormat("en").format(devices)}`)
        .toSorted(),
    );
    const { arrivals } = await emulator.stats();
    const results = (await page.locator("#results dd").allTextContents()).map(Number);
    expect(results.reduce((sum, count) => sum + count, 0)).toBe(arrivals);
  });

  it("names the call of a device by the request id that its caller was told", async () => {
    const page = await blankPage(browser());
    await page.goto(gateway.admin);
    const { calls } = await createCaller(gateway.grpc, { "x-ota-caller": "somebody" }).cancel([seededName(0)]).answer;
    await page.getByLabel("Find").fill(calls[0]?.requestId ?? "none");
    await expect.poll(() => rowsOf(page, "calls")).toEqual([expect.stringMatching(/somebody 1.*accepted/)]);
  });

  it("lists an operation once it was submitted, and how it ended", async () => {
    const page = await blankPage(browser());
    await page.goto(gateway.admin);
    const operation = await submit(400);
    expect((await operation.wait()).state).toBe("DONE");
    const [id] = operation.name.split("/").slice(-1);
    const row = new RegExp(`^${id} \\| night-shift \\| Cancel a list: .*400 of 400.*Done$`);
    await until(async () => row.test((await rowsOf(page, "operations")).join("\n")));
  });

  if (PICTURE !== undefined) {
    it("poses for the picture in docs/", async () => {
      const page = await ownPage(browser(), { viewport: { width: 1280, height: 1440 } });
      await page.goto(gateway.admin);
      const before = (await emulator.stats()).repeatedCancels;
      await submit(15_000);
      const cancelled = cancelAll();
      await until(async () => (await emulator.stats()).repeatedCancels - before > PICTURE_AT);
      expect((await takePicture(page, PICTURE)).length).toBeLessThan(150_000);
      await cancelled;
    });
  }

  /** The devices that the page shows as accepted, at once when they are no longer as many as `before`. */
  function changed(page: Page, before: string): Promise<string> {
    return page.evaluate(`new Promise((resolve) => {
      const element = document.getElementById("accepted");
      const look = () => element.textContent !== "${before}" && resolve(element.textContent);
      new MutationObserver(look).observe(element, { childList: true });
      look();
    })`);
  }

  async function submit(devices: number) {
    const client = connect(gateway.grpc, { caller: "night-shift" });
    onTestFinished(() => client.close());
    const { productKey, firmwareId } = DEFAULTS;
    const names = Array.from({ length: devices }, (_, n) => seededName(n));
    return client.submit(names, { productKey, firmwareId, priority: "bulk" });
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
