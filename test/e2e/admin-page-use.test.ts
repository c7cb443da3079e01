// The admin page in a real browser: what an operator does with it, by mouse and by keyboard, and what it does
// when the gateway goes away or asks for a token.

import { describe, expect, it, onTestFinished } from "vitest";
import { MadeUpGateway, pageRun, rowsOf, textOf } from "../support/admin-page.js";
import { blankPage } from "../support/chromium.js";
import { systemHas } from "../support/system.js";

const run = pageRun();

describe.runIf(systemHas("chromium"))("the admin page", () => {
  it("lists the last 20 calls, finds older ones it has seen, and those that were not accepted", async () => {
    const { page } = await run.open();
    run.gateway.call({ requestId: "THE-ONE-LOOKED-FOR" });
    run.gateway.call({ kind: "lost", cause: "no answer" }, { unlucky: 5 });
    await expect.poll(() => rowsOf(page, "calls")).toHaveLength(2);
    for (let n = 0; n < 40; n++) run.gateway.call();
    await expect.poll(() => rowsOf(page, "calls")).toHaveLength(20);
    expect((await rowsOf(page, "calls")).join()).not.toContain("THE-ONE-LOOKED-FOR");
    await page.getByLabel("Find").fill("looked-for");
    expect(await rowsOf(page, "calls")).toEqual([expect.stringContaining("THE-ONE-LOOKED-FOR")]);
    await page.getByLabel("Find").fill("unlucky");
    expect(await rowsOf(page, "calls")).toEqual([expect.stringMatching(/unlucky 5.*no answer/)]);
    await page.getByLabel("Find").fill("");
    await page.getByLabel("Only calls not accepted").check();
    expect(await rowsOf(page, "calls")).toEqual([expect.stringContaining("unlucky")]);
    await page.getByLabel("Find").fill("nothing like it");
    expect(await textOf(page, "no-calls")).toBe("No matching calls.");
  });

  it("keeps the list still while it is held or read, and copies a request id", async () => {
    const { page } = await run.open();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    onTestFinished(() => page.context().clearPermissions());
    run.gateway.call({ requestId: "FIRST" });
    await expect.poll(() => rowsOf(page, "calls")).toHaveLength(1);
    await page.getByRole("button", { name: "Copy request ID FIRST" }).click();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("FIRST");
    run.gateway.call();
    run.gateway.call();
    await expect.poll(() => textOf(page, "held")).toBe("Held; 2 newer calls");
    expect(await rowsOf(page, "calls")).toHaveLength(1);
    const hold = page.getByRole("button", { name: "Hold the list" });
    await hold.click();
    expect(await hold.getAttribute("aria-pressed")).toBe("true");
    expect(await rowsOf(page, "calls")).toHaveLength(1);
    await hold.click();
    await expect.poll(() => rowsOf(page, "calls")).toHaveLength(3);
    await page.locator("#calls .request-id").first().click(); // selects it whole
    expect(await page.evaluate("String(document.getSelection())")).toMatch(/^[0-9A-F-]{36}$/);
    run.gateway.call();
    await expect.poll(() => textOf(page, "held")).toBe("Held; 1 newer call");
  });

  it("starts a new list for a gateway that has restarted", async () => {
    const { page } = await run.open();
    for (let n = 0; n < 5; n++) run.gateway.call();
    await expect.poll(() => rowsOf(page, "calls")).toHaveLength(5);
    await run.stopServing();
    run.gateway = new MadeUpGateway();
    run.gateway.call({ requestId: "OF-THE-NEW-ONE" });
    await run.serve();
    await expect.poll(() => rowsOf(page, "calls")).toEqual([expect.stringContaining("OF-THE-NEW-ONE")]);
  });

  it("can be walked by keyboard, in the order of reading", async () => {
    run.gateway.names = ["default", "eu-central"];
    run.gateway.call();
    const { page } = await run.open();
    await page.bringToFront();
    const focused = page.locator(":focus");
    const reached: string[] = [];
    for (let n = 0; n < 10; n++) {
      await page.keyboard.press("Tab");
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
      const name = (await focused.getAttribute("aria-label")) ?? (await focused.getAttribute("id"));
      reached.push(name ?? (await focused.textContent()) ?? "");
    }
    expect(reached).toEqual([
      expect.stringMatching(/^default (Canceling|Idle)$/),
      expect.stringMatching(/^eu-central (Canceling|Idle)$/),
      "find",
      "troubled",
      "hold",
      expect.stringMatching(/^Copy request ID /),
      "Which call carried my device?",
      "Metrics",
      "Flight record",
      "Readiness",
    ]);
    await page.locator("#accounts button").nth(1).focus();
    await page.keyboard.press("Enter");
    expect(new URL(page.url()).hash).toBe("#eu-central");
    expect(await page.locator("#accounts button").nth(1).getAttribute("aria-pressed")).toBe("true");
    await page.reload();
    await expect
      .poll(() => page.locator("#accounts [aria-pressed=true] bdi").allTextContents())
      .toEqual(["eu-central"]);
  });

  it("says plainly that the connection is lost, and comes back by itself", async () => {
    const { page } = await run.open();
    await run.stopServing();
    await expect.poll(() => page.locator("#lost").isVisible()).toBe(true);
    expect(await textOf(page, "lost")).toMatch(
      /^No connection to the gateway. The page shows the state at \d\d:\d\d:\d\d/,
    );
    expect(await page.title()).toBe("No connection · ota-gateway");
    expect(await page.locator("main").getAttribute("class")).toBe("stale");
    expect(await textOf(page, "announcement")).toBe("No connection to the gateway");
    await run.serve();
    await expect.poll(() => page.locator("#lost").isVisible()).toBe(false);
    expect(await page.title()).toMatch(/^Idle/);
    expect(await page.locator("main").getAttribute("class")).toBe("");
  });

  it("comes back even where the browser gives up: after an answer that is not 200", async () => {
    const { page, complaints } = await run.open();
    await page.context().setOffline(true); // so that others take its place before it can come back
    await run.stopServing();
    await run.serve();
    // Kept until they leave: fetch ends an answer that nothing refers to any more.
    const others = await Promise.all(Array.from({ length: 32 }, () => fetch(`http://127.0.0.1:${run.port}/events`)));
    await page.context().setOffline(false);
    await expect.poll(() => complaints.join()).toContain("503");
    await expect.poll(() => page.locator("#lost").isVisible()).toBe(true);
    await Promise.all(others.map(({ body }) => body?.cancel()));
    await expect.poll(() => page.locator("#lost").isVisible()).toBe(false);
  });

  it("asks for the token, and shows everything with it", async () => {
    await run.stopServing();
    await run.serve({ token: "s3cret" });
    const stranger = await blankPage(run.browser());
    // A browser without a user gets no token.
    await expect(stranger.goto(`http://127.0.0.1:${run.port}`)).rejects.toThrow("ERR_INVALID_AUTH_CREDENTIALS");
    run.gateway.call();
    const { page, complaints } = await run.open({
      httpCredentials: { username: "anybody", password: "s3cret" },
    });
    expect(await rowsOf(page, "calls")).toHaveLength(1);
    expect(complaints.filter((complaint) => !complaint.includes("401"))).toEqual([]);
  });
});
