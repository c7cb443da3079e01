// Runs the admin server over a made-up gateway that tests can change, and opens its page in a real
// browser.
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterEach, beforeEach, expect } from "vitest";
import { systemClock } from "../../src/base/clock.js";
import { conditionOf } from "../../src/gateway/account/condition.js";
import { RecentCalls } from "../../src/gateway/account/recent-calls.js";
import { CallFeed } from "../../src/observe/admin/call-feed.js";
import { type AdminOptions, type AdminServer, startAdminServer } from "../../src/observe/admin/server.js";
import type { OperationsSnapshot, Readiness, ReadingSnapshot, Snapshot } from "../../src/observe/admin/snapshot.js";
import { type ShownAccount, snapshotOf } from "../../src/observe/admin/snapshot-of.js";
import { blankPage, browserOfFile, ownPage } from "./chromium.js";
import { FakeLog } from "./fake-log.js";
import { freePort } from "./free-port.js";
import { anEnd, aSentCall, type Ending } from "./observed-calls.js";
import { madeUpRequestId } from "./request-ids.js";

export const DESK = { width: 1280, height: 900 };

/** An account as a test describes it; its state follows from that. */
type MadeUpAccount = Omit<ShownAccount, "condition">;

const IDLE: MadeUpAccount = {
  ledger: { mode: "in-process", callsPerSecond: 10, free: 10, inFlightSinceMs: [], withheld: 0, pausedUntilMs: 0 },
  waitingDevices: { urgent: 0, normal: 0, bulk: 0 },
  waitingByCaller: new Map(),
  expectedWaitMs: { urgent: 0, normal: 0, bulk: 0 },
  oldestSinceMs: undefined,
  remainingMs: () => 42_000,
};

export const BUSY: MadeUpAccount = {
  ledger: {
    mode: "shared",
    replicas: 3,
    callsPerSecond: 10,
    free: 2,
    inFlightSinceMs: [0, 0, 0],
    withheld: 1,
    pausedUntilMs: 0,
  },
  waitingDevices: { urgent: 40, normal: 12_345, bulk: 84_000 },
  waitingByCaller: new Map(Array.from({ length: 14 }, (_, n) => [`service-${n}`, 10_000 - n * 500])),
  expectedWaitMs: { urgent: 55, normal: 6200, bulk: 48_000 },
  remainingMs: () => 42_000,
  oldestSinceMs: 0,
};

/** A made-up gateway whose accounts are all alike. */
export class MadeUpGateway {
  readiness: Readiness = "ok";
  account: MadeUpAccount = IDLE;
  names = ["default"];
  /** Callers with a stream that has not been read to its end. */
  streaming = new Set<string>();
  readings: readonly ReadingSnapshot[] = [];
  operations: OperationsSnapshot | undefined;
  readonly feed = new CallFeed();
  readonly #recentCalls = new RecentCalls();
  #calls = 0;

  readonly snapshot = (): Snapshot => {
    const { ledger, waitingDevices, oldestSinceMs } = this.account;
    const nowMs = systemClock.now();
    const condition = conditionOf({
      ledger,
      calls: { ...this.#recentCalls.trend, isProven: true },
      waitingDevices: waitingDevices.urgent + waitingDevices.normal + waitingDevices.bulk,
      oldestSinceMs: () => oldestSinceMs,
      nowMs,
    });
    const { feed, readings } = this;
    const beside = { feed, readings, isStreaming: (caller: string) => this.streaming.has(caller) };
    const accounts = this.names.map((name) => snapshotOf(name, { ...this.account, condition }, beside, nowMs));
    const about = { instance: "gateway-7d9f-x2x4q", version: "1.2.3", startedWallMs: Date.UTC(2026, 0, 1, 12) };
    const operations = this.operations && { operations: this.operations };
    return { wallMs: Date.now(), readiness: this.readiness, about, accounts, ...operations };
  };

  /** Reports a call that has ended just now. */
  call(ending: Partial<Ending> = {}, byCaller: Readonly<Record<string, number>> = { "fleet-backend": 200 }): void {
    const devicesByCaller = new Map(Object.entries(byCaller));
    const devices = Object.values(byCaller).reduce((sum, count) => sum + count, 0);
    const call = aSentCall(systemClock.now() - 20, { sentWallMs: Date.now() - 20, devices, devicesByCaller });
    const requestId = madeUpRequestId(this.#calls++);
    for (const observer of [this.feed, this.#recentCalls]) {
      observer.sent(call);
      observer.ended(call, anEnd(call, { kind: "accepted", requestId, ...ending }));
    }
  }
}

/** The page once it shows something, with everything that it complains of. */
export interface OpenPage {
  readonly page: Page;
  readonly complaints: string[];
}

interface Looks {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: "light" | "dark";
}

/**
 * Equipment of each test of a file: a made-up gateway, its admin server, and pages in the file's
 * browser.
 */
export interface PageRun {
  gateway: MadeUpGateway;
  /** Port of the admin server, the same for the next one of this test. */
  port: number;
  serve(options?: Partial<AdminOptions>): Promise<void>;
  stopServing(): Promise<void>;
  readonly browser: () => Browser;
  /** In the page of the file; if more than its looks is asked for, in one of its own. */
  open(options?: Looks & BrowserContextOptions): Promise<OpenPage>;
}

/** To be called once in a file: serves before each test, and closes everything after it. */
export function pageRun(): PageRun {
  const browser = browserOfFile();
  let server: AdminServer | undefined;
  const run: PageRun = {
    gateway: new MadeUpGateway(),
    port: 0,
    browser,
    async serve(options = {}) {
      const { gateway, port } = run;
      server = await startAdminServer({
        host: "127.0.0.1",
        port,
        clock: systemClock,
        log: new FakeLog(),
        readiness: () => gateway.readiness,
        snapshot: gateway.snapshot,
        ...options,
      });
    },
    async stopServing() {
      await server?.close();
      server = undefined;
    },
    async open({ viewport = DESK, colorScheme = "light", ...options } = {}) {
      const isOwn = Object.keys(options).length > 0;
      const page = await (isOwn ? ownPage(browser(), options) : blankPage(browser()));
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme });
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
      await page.goto(`http://127.0.0.1:${run.port}`);
      await expect.poll(() => textOf(page, "taken")).toMatch(/\d/);
      return { page, complaints };
    },
  };
  beforeEach(async () => {
    run.gateway = new MadeUpGateway();
    run.port = await freePort();
    await run.serve();
  });
  afterEach(async () => {
    await run.stopServing();
  });
  return run;
}

/** The text of an element. */
export async function textOf(page: Page, id: string): Promise<string> {
  return (await page.locator(`#${id}`).textContent()) ?? "";
}

/** The rows of a table, with the cells separated. */
export async function rowsOf(page: Page, id: string): Promise<string[]> {
  const rows = await page.locator(`#${id} tr`).all();
  return Promise.all(rows.map(async (row) => (await row.locator("th, td").allTextContents()).join(" | ")));
}
