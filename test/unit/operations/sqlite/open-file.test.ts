import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, describe, expect, it } from "vitest";
import { openFile } from "../../../../src/operations/sqlite/open-file.js";
import { StoreRefused } from "../../../../src/operations/store.js";
import { HandClock } from "../../../support/hand-clock.js";
import { openSqlite } from "../../../support/sqlite-world.js";
import { fed, leaseOne, leaseQuery, submit, WIDE_BOUNDS } from "../../../support/stored-operation.js";

const folder = mkdtempSync(join(tmpdir(), "ota-gateway-state-"));
let files = 0;
const newPath = () => join(folder, `state-${++files}`);
const open = (path: string, clock?: HandClock) => openSqlite(WIDE_BOUNDS, path, clock);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file with one operation of 10 devices. */
async function written(path: string): Promise<string> {
  const { store } = await open(path);
  const { id } = await submit(store, 10);
  await store.close();
  return id;
}

describe("openFile", () => {
  it("keeps what was stored, and lets the next process lease what the last one had", async () => {
    const path = newPath();
    const { store } = await open(path);
    expect(store.durable).toBe(true);
    const { id } = await submit(store, 10);
    await store.feed(await leaseOne(store, "first"), -1);
    await store.close();
    const again = await open(path);
    const lease = await leaseOne(again.store, "second");
    expect(lease).toEqual({ id, epoch: 2 });
    expect(fed(await again.store.feed(lease, -1)).fedBefore).toBe(true);
    await again.close();
  });

  it("makes a file that only its owner may read", async () => {
    const path = newPath();
    const { store } = await open(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("syncs every commit, and overwrites what is deleted", () => {
    const database = openFile(newPath());
    const settingOf = (pragma: string) => Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0];
    expect(settingOf("journal_mode")).toBe("wal");
    expect(settingOf("locking_mode")).toBe("exclusive");
    expect(settingOf("synchronous")).toBe(2);
    expect(settingOf("secure_delete")).toBe(1);
    database.close();
  });

  it("refuses a file that another process uses", async () => {
    const path = newPath();
    const { store } = await open(path);
    await expect(open(path)).rejects.toThrow(/in use by another process/);
    await submit(store, 10);
    await store.close();
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ["text", (path) => writeFileSync(path, "a list of names\n".repeat(100)), /not a store of ota-gateway/],
    ["a short file", (path) => writeFileSync(path, "x"), /not a store of ota-gateway/],
    ["another program's database", (path) => foreign(path), /not a store of ota-gateway/],
  ])("refuses %s, and changes nothing", async (_, make, why) => {
    const path = newPath();
    make(path);
    await expectUntouched(path, why);
  });

  it("refuses a file of a newer version, and changes nothing", async () => {
    const path = newPath();
    await written(path);
    const database = new DatabaseSync(path);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await expectUntouched(path, /written by a newer ota-gateway \(format 99/);
  });

  it("refuses a damaged file, and changes nothing", async () => {
    const path = newPath();
    await written(path);
    const bytes = readFileSync(path);
    bytes.fill(0xee, 4096, 3 * 4096);
    writeFileSync(path, bytes);
    await expectUntouched(path, /damaged/);
  });

  it("refuses a folder, and a path that cannot be written", async () => {
    await expect(open(tmpdir())).rejects.toThrow(/is not a file/);
    await expect(open(join(tmpdir(), "no-such-folder", "state"))).rejects.toThrow(StoreRefused);
  });

  it("holds the operations of a restored copy until they are resumed", async () => {
    const path = newPath();
    const id = await written(path);
    const backup = newPath();
    cpSync(path, backup);
    renameSync(backup, path);
    const { store } = await open(path);
    expect(await store.get(id)).toMatchObject({ held: true, state: "running" });
    expect(await store.lease(leaseQuery())).toEqual([]);
    expect(await store.resume()).toBe(1);
    expect(await store.lease(leaseQuery())).toHaveLength(1);
    await store.close();
  });

  it("holds them also if the first process that opens the copy ends at once (was: they ran)", async () => {
    const path = newPath();
    const id = await written(path);
    const backup = newPath();
    cpSync(path, backup);
    openFile(backup).close();
    const { store } = await open(backup);
    expect(await store.get(id)).toMatchObject({ held: true });
    await store.close();
  });

  it("does not hold operations after a restart, also of a file that was moved", async () => {
    const path = newPath();
    const id = await written(path);
    const moved = newPath();
    renameSync(path, moved);
    const { store } = await open(moved);
    expect(await store.get(id)).toMatchObject({ held: false });
    await store.close();
  });

  it("never goes back in time, also over a restart with an earlier clock", async () => {
    const path = newPath();
    const first = await open(path, new HandClock({ wallMs: Date.UTC(2026, 5, 2) }));
    const { createMs } = await submit(first.store, 10);
    await first.close();
    const second = await open(path, new HandClock({ wallMs: Date.UTC(2026, 5, 1) }));
    expect((await submit(second.store, 10)).createMs).toBeGreaterThanOrEqual(createMs);
    await second.advance(5000);
    expect((await submit(second.store, 10)).createMs).toBeGreaterThanOrEqual(createMs + 5000);
    await second.close();
  });
});

function foreign(path: string): void {
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  database.close();
}

async function expectUntouched(path: string, why: RegExp): Promise<void> {
  const before = readFileSync(path);
  await expect(open(path)).rejects.toThrow(StoreRefused);
  await expect(open(path)).rejects.toThrow(why);
  expect(readFileSync(path).equals(before)).toBe(true);
}
