// The admin page in a real browser: how it looks to an operator on a desktop and on a phone, in light
// and dark mode, and what a screen reader gets.
import axe from "axe-core";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import type { OperationSnapshot, OperationsSnapshot } from "../../src/observe/admin/snapshot.js";
import { BUSY, DESK, pageRun, rowsOf, textOf } from "../support/admin-page.js";
import { systemHas } from "../support/system.js";

const PHONE = { width: 360, height: 740 };

const AT = Date.UTC(2026, 0, 1, 12);
const CANCEL: OperationSnapshot = {
  ...{ id: "01K0A1B2C3D4E5F6G7H8J9KMNP", kind: "cancel-list", caller: "fleet-backend", account: "default" },
  ...{ productKey: "a1B2c3D4e5F", firmwareId: "fw-2.1.0", jobId: "", state: "running", createWallMs: AT },
  ...{ devices: 50_000, waiting: 38_000, failed: 3, remainingMs: 20_000, obstacle: "", failure: "" },
};
const STOP: OperationSnapshot = {
  ...CANCEL,
  ...{ id: "01K0A1B2C3D4E5F6G7H8J9KMNQ", kind: "stop-rollout", caller: "on-call", devices: 12, waiting: 0, failed: 0 },
  ...{ step: "settle", moreBatches: 2, obstacle: "the store of operations is away" },
  batches: [
    { jobId: "job-1", openBefore: 4000, left: 12, failure: "" },
    { jobId: "job-2", openBefore: 0, failure: "iot.ota.JobStatusError" },
  ],
};
const OPERATIONS: OperationsSnapshot = {
  ...{ readWallMs: AT, isStale: true, moreOpen: 1 },
  open: [CANCEL, STOP, { ...CANCEL, id: "01K0A1B2C3D4E5F6G7H8J9KMNR", state: "held" }],
  ended: [
    { ...STOP, state: "done", endWallMs: AT + 150_000, step: "done", isRolloutStopped: false, obstacle: "" },
    { ...CANCEL, state: "expired", endWallMs: AT + 3_600_000, failure: "the time to live passed" },
  ],
};

const run = pageRun();

describe.runIf(systemHas("chromium"))("the admin page", () => {
  it.each([
    ["light", "desk", DESK],
    ["light", "phone", PHONE],
    ["dark", "desk", DESK],
    ["dark", "phone", PHONE],
  ] as const)("can be read by everybody, and fits: %s, %s", async (colorScheme, _, viewport) => {
    run.gateway.account = BUSY;
    run.gateway.names = ["default", "eu-central"];
    run.gateway.operations = OPERATIONS;
    run.gateway.call({ kind: "refused", code: "iot.device.NotExistedDevice" }, { a: 120, b: 80 });
    for (let n = 0; n < 15; n++) run.gateway.call({}, { [`spiffe://acme.example/ns/prod/sa/service-${n}`]: 200 });
    const { page, complaints } = await run.open({ colorScheme, viewport });
    await page.locator("summary").click();
    await page.evaluate(axe.source);
    // Only what was violated, because axe describes all that it has looked at, too.
    const violations = await page.evaluate(`
      axe
        .run(document, { resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] })
        .then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))
    `);
    expect(violations).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(viewport.width);
    expect(complaints).toEqual([]);
  });

  it("shows operations: who, what, how far, how long, and what is in the way or failed", async () => {
    const { page, complaints } = await run.open();
    expect(await page.locator("#operations-card").isVisible()).toBe(false); // there is no store
    run.gateway.operations = OPERATIONS;
    await expect.poll(() => rowsOf(page, "operations")).toHaveLength(5);
    const [cancel = "", stop, held, ended, expired] = await rowsOf(page, "operations");
    expect(cancel.split(" | ")).toEqual([
      CANCEL.id,
      "fleet-backend",
      "Cancel a list: a1B2c3D4e5F · fw-2.1.0",
      "12,000 of 50,000, 3 failed",
      expect.stringMatching(/, about 20 s left$/),
      "Running",
    ]);
    expect(stop).toContain(
      "| step: settle; job-1: 4,000 open, 12 left; job-2: 0 open, not counted yet, iot.ota.JobStatusError; 2 more batches |",
    );
    expect(stop).toMatch(/Running: the store of operations is away$/);
    expect(held).toContain("Held: found in a restored copy");
    expect(ended).toContain("| 2 min 30 s, ended ");
    expect(ended).toMatch(/Done: not everything stopped$/);
    expect(expired).toMatch(/Expired: the time to live passed$/);
    expect(await textOf(page, "operations-hint")).toMatch(
      /^1 older operation is not shown\. The store cannot be read; this is as of /,
    );
    run.gateway.operations = { ...OPERATIONS, open: [], ended: [], moreOpen: 0, isStale: false };
    await expect.poll(() => textOf(page, "operations-hint")).toBe("None.");
    expect(complaints).toEqual([]);
  });

  it("shows the tokens, each kind in its own shape, and as numbers", async () => {
    run.gateway.account = BUSY;
    const { page } = await run.open();
    const shapes = () => page.locator("#tokens use").evaluateAll((uses) => uses.map((use) => use.getAttribute("href")));
    const expected = [3, 5, 1, 1].flatMap((count, n) =>
      Array(count).fill(`#token-${["in-flight", "cooling", "free", "withheld"][n]}`),
    );
    expect(await shapes()).toEqual(expected);
    const label = await page.locator("#tokens").getAttribute("aria-label");
    expect(label).toBe("10 tokens: 3 in flight, 5 cooling, 1 free, 1 withheld");
    expect(await textOf(page, "state")).toBe("Yielding");
    expect(await textOf(page, "ledger")).toContain("shared by 3 gateways");
    run.gateway.account = { ...BUSY, ledger: { ...BUSY.ledger, callsPerSecond: 200, free: 50 } };
    await expect.poll(() => page.locator("#tokens .part").count()).toBe(4);
    run.gateway.account = BUSY;
    await expect.poll(shapes).toEqual(expected);
  });

  it("follows the gateway within a second: figures, state, title, queue, calls", async () => {
    const { page, complaints } = await run.open();
    expect(await page.title()).toBe("Idle, 0 devices wait · ota-gateway");
    expect(await rowsOf(page, "callers")).toEqual([expect.stringContaining("none in the last minute")]);

    run.gateway.account = BUSY;
    for (let n = 0; n < 7; n++) run.gateway.call();
    await expect.poll(() => textOf(page, "calls-now")).toBe("7");
    expect(await page.title()).toBe("Yielding, 96,385 devices wait · ota-gateway");
    expect(await textOf(page, "accepted-now")).toBe("1,400");
    expect(await textOf(page, "not-accepted-now")).toBe("0");
    expect(await textOf(page, "accepted")).toBe("1,400");
    expect(await textOf(page, "wait-now")).toBe("6.2 s");
    expect(await rowsOf(page, "classes")).toEqual([
      "Urgent | 40 | 55 ms",
      "Normal | 12,345 | 6.2 s",
      "Bulk | 84,000 | 48 s",
    ]);
    const callers = await rowsOf(page, "callers");
    expect(callers).toHaveLength(11);
    expect(callers[0]).toBe("service-0 | 10,000 | 42 s | 0");
    expect(callers[10]).toMatch(/^and 5 others \|/);
    expect(await rowsOf(page, "calls")).toHaveLength(7);

    run.gateway.account = { ...BUSY, ledger: { ...BUSY.ledger, pausedUntilMs: systemClock.now() + 60_000 } };
    run.gateway.call({ kind: "refused", throttled: true, code: "Throttling.User" });
    await expect.poll(() => textOf(page, "state")).toBe("Paused");
    expect(await textOf(page, "pause")).toMatch(/^Nothing is sent for another/);
    expect(await textOf(page, "throttles")).toMatch(/1 in the last minute/);
    expect(await textOf(page, "announcement")).toBe("Paused");

    run.gateway.readiness = "draining";
    await expect.poll(() => textOf(page, "state")).toBe("Draining");
    expect(complaints).toEqual([]);
  });

  it("answers whether devices are canceled: all refused, by which code and for which caller (was: Within quota)", async () => {
    const { page, complaints } = await run.open();
    const code = "iot.ota.FirmwareNotFound";
    for (let n = 0; n < 3; n++) run.gateway.call({ kind: "refused", code });
    await expect.poll(() => textOf(page, "state")).toBe("All refused");
    expect(await textOf(page, "meaning")).toBe(
      `The upstream refuses every call: ${code}. Their callers get that answer. The last calls were for fleet-backend.`,
    );
    expect(await rowsOf(page, "refusals")).toEqual([
      expect.stringMatching(/^iot\.ota\.FirmwareNotFound \| fleet-backend \| 3 \| 600 \| \d\d:\d\d:\d\d$/),
    ]);
    await expect.poll(() => textOf(page, "not-accepted-now")).toBe("600");
    run.gateway.call();
    await expect.poll(() => textOf(page, "state")).toBe("Canceling");
    expect(complaints).toEqual([]);
  });

  it("says which gateway it is and in which time zone, shows the reading operations, and calls a bound a bound", async () => {
    run.gateway.account = BUSY;
    run.gateway.streaming.add("service-0");
    const reading = { mode: "shared", callsLastMinute: 3, accepted: 2, notAccepted: 1 } as const;
    run.gateway.readings = [{ operation: "ListOTATaskByJob", limit: 10, ...reading, lastCode: "NoPermission" }];
    const { page } = await run.open({ timezoneId: "Europe/Berlin" });
    expect(await textOf(page, "instance")).toBe("gateway-7d9f-x2x4q");
    expect(await textOf(page, "version")).toContain("1.2.3");
    expect(await textOf(page, "started")).toBe("started 1 Jan 2026, 13:00");
    expect(await textOf(page, "zone")).toBe("Europe/Berlin");
    expect(await rowsOf(page, "readings")).toEqual(["ListOTATaskByJob | Shared, 10/s | 3 | 2 | 1: NoPermission"]);
    const [first, second] = await rowsOf(page, "callers");
    expect([first, second]).toEqual(["service-0 | 10,000 | at least 42 s | 0", "service-1 | 9,500 | 42 s | 0"]);
  });

  it("draws calls against the limit, and describes them to screen readers", async () => {
    const { page } = await run.open();
    for (let n = 0; n < 5; n++) run.gateway.call();
    await expect.poll(() => textOf(page, "calls-most")).toBe("peak 5 in any second, limit 10");
    const label = await page.locator("#calls-chart").getAttribute("aria-label");
    expect(label).toMatch(/^Calls in each of the last 60 seconds: from 0 to [1-5], limit 10$/);
    expect(await page.locator("#calls-chart .bar").count()).toBe(61);
  });

  it("shows hostile names as the text they are", async () => {
    const names = ["<img src=x onerror=alert(1)>", "\u202Egnp.exe", "</td></tr><script>alert(1)</script>", "a\tb\nc"];
    run.gateway.account = { ...BUSY, waitingByCaller: new Map(names.map((name, n) => [name, 100 - n])) };
    run.gateway.names = ["default", "<b>bold</b>"];
    run.gateway.call(
      { kind: "refused", code: "<svg onload=alert(1)>", requestId: "'\"><script>alert(1)</script>" },
      { [names[0] ?? ""]: 3 },
    );
    const { page, complaints } = await run.open();
    let dialogs = 0;
    page.on("dialog", () => {
      dialogs += 1;
    });
    const callers = await page.locator("#callers bdi").allTextContents();
    expect(callers).toEqual(["<img src=x onerror=alert(1)>", "\\u{202E}gnp.exe", names[2], "a\\u{9}b\\u{A}c"]);
    expect(await rowsOf(page, "calls")).toEqual([expect.stringContaining("<svg onload=alert(1)>")]);
    expect(await page.locator("#calls .request-id").textContent()).toBe("'\"><script>alert(1)</script>");
    expect(await page.locator("#accounts bdi").allTextContents()).toEqual(["default", "<b>bold</b>"]);
    expect(await page.locator("main img, main script, main b:not(#mode)").count()).toBe(0);
    expect([dialogs, complaints]).toEqual([0, []]);
  });

  it("has landmarks, headings and named regions for screen readers, and announces changes of state only", async () => {
    run.gateway.account = BUSY;
    const { page } = await run.open();
    const outline = await page.locator("body").ariaSnapshot();
    for (const part of ["banner", "main", "contentinfo", 'heading "ota-gateway" [level=1]'])
      expect(outline).toContain(part);
    for (const name of ["Quota", "The last minute", "Waiting", "Last upstream calls"]) {
      expect(outline).toContain(`region "${name}"`);
    }
    await page.evaluate(`
      globalThis.said = [];
      const region = document.querySelector("[aria-live]");
      new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true });
    `);
    for (let n = 0; n < 5; n++) run.gateway.call();
    await expect.poll(() => rowsOf(page, "calls")).toHaveLength(5);
    run.gateway.account = { ...BUSY, ledger: { ...BUSY.ledger, mode: "away", obstacle: "it refuses connections" } };
    await expect.poll(() => textOf(page, "state")).toBe("Ledger away");
    expect(await page.evaluate("said")).toEqual(["Ledger away"]);
  });
});
