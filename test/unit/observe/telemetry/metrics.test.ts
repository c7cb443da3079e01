// What is printed of what is told, by the real SDK and exporter.
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { CONDITIONS } from "../../../../src/gateway/account/condition.js";
import { OUTCOMES } from "../../../../src/gateway/device-outcome.js";
import type { AccountStanding } from "../../../../src/observe/telemetry/account-gauges.js";
import { aStanding, measured, useAll } from "../../../support/metrics-run.js";
import { until } from "../../../support/processes.js";
import { sumOf } from "../../../support/prometheus-text.js";

const run = measured(["fleet-backend"]);
const { metrics, read } = run;

describe("createMetrics", () => {
  it("prints each result of calls from the start, and counts a refusal for rate as a throttle", async () => {
    const account = metrics.account("calls");
    const of = async (result: string) =>
      sumOf(await read(), "ota_calls_total", { ota_account: "calls", ota_result: result });
    expect(await of("throttled")).toBe(0);
    account.ended(undefined, { kind: "refused", throttled: true, durationMs: 10 });
    account.ended(undefined, { kind: "refused", throttled: false, durationMs: 10 });
    account.ended(undefined, { kind: "lost", throttled: false, durationMs: 10_000 });
    expect(await Promise.all(["throttled", "refused", "lost", "accepted", "unwritten"].map(of))).toEqual([
      1, 1, 1, 0, 0,
    ]);
  });

  it("tells full calls from all others, and counts seconds", async () => {
    const account = metrics.account("sizes");
    account.sent({ devices: 199, tokenWaitMs: 300 });
    account.sent({ devices: 200, tokenWaitMs: 700 });
    const families = await read();
    const labels = { ota_account: "sizes" };
    expect(sumOf(families, "ota_call_devices_bucket", { ...labels, le: "199" })).toBe(1);
    expect(sumOf(families, "ota_call_devices_count", labels)).toBe(2);
    expect(sumOf(families, "ota_call_token_wait_seconds_sum", labels)).toBeCloseTo(1);
  });

  it("names configured callers, and puts all others together however many there are", async () => {
    const account = metrics.account("callers");
    account.answered("fleet-backend", [{ kind: "accepted" }, { kind: "rejected" }, { kind: "accepted" }]);
    for (let n = 0; n < 5000; n++) account.answered(`service-${n}`, [{ kind: "unknown" }]);
    const families = await read();
    const labels = { ota_account: "callers" };
    const devices = families
      .get("ota_devices_total")
      ?.samples.filter(({ labels }) => labels["ota_account"] === "callers");
    expect(devices).toHaveLength(2 * 7);
    expect(
      sumOf(families, "ota_devices_total", { ...labels, ota_caller: "fleet-backend", ota_outcome: "accepted" }),
    ).toBe(2);
    expect(sumOf(families, "ota_devices_total", { ...labels, ota_caller: "other", ota_outcome: "unknown" })).toBe(5000);
  });

  it("prints each outcome that the gateway knows from the start, and no other", async () => {
    metrics.account("outcomes");
    const devices = (await read()).get("ota_devices_total")?.samples ?? [];
    const own = devices.filter(
      ({ labels }) => labels["ota_account"] === "outcomes" && labels["ota_caller"] === "other",
    );
    expect(own.map(({ labels }) => labels["ota_outcome"])).toEqual(OUTCOMES);
  });

  it("names callers that are configured later, and keeps the names of those before", async () => {
    const account = metrics.account("reloaded");
    account.answered("newcomer", [{ kind: "accepted" }]);
    metrics.name(["newcomer"]);
    account.answered("newcomer", [{ kind: "accepted" }]);
    account.answered("fleet-backend", [{ kind: "accepted" }]);
    const families = await read();
    const of = (caller: string) =>
      sumOf(families, "ota_devices_total", { ota_account: "reloaded", ota_caller: caller, ota_outcome: "accepted" });
    expect(["newcomer", "fleet-backend", "other"].map(of)).toEqual([1, 1, 1]);
  });

  it("splits the tokens so that they add up to the quota", async () => {
    const accounts = new Map([["tokens", { maxQueuedDevices: 5, standing: () => aStanding() }]]);
    const unwatch = metrics.watch(accounts, () => 1000);
    const families = await read();
    unwatch();
    const states = ["free", "in-flight", "cooling", "withheld"].map((state) =>
      sumOf(families, "ota_tokens", { ota_account: "tokens", ota_token_state: state }),
    );
    expect(states).toEqual([3, 3, 3, 1]);
    expect(sumOf(families, "ota_tokens", { ota_account: "tokens" })).toBe(sumOf(families, "ota_quota_rate_per_second"));
  });

  it("reads the gauges of an account when it is asked, until it is not watched any more", async () => {
    let mode: "shared" | "away" = "shared";
    let asked = 0;
    const standing = () => {
      asked += 1;
      return aStanding({ mode });
    };
    const unwatch = metrics.watch(new Map([["watched", { maxQueuedDevices: 1000, standing }]]), () => 1000);
    const labels = { ota_account: "watched" };
    const before = await read();
    expect(sumOf(before, "ota_ledger_mode", { ...labels, ota_ledger_mode: "shared" })).toBe(1);
    expect(sumOf(before, "ota_ledger_replicas", labels)).toBe(2);
    expect(sumOf(before, "ota_queue_devices", labels)).toBe(321);
    expect(sumOf(before, "ota_queue_devices", { ...labels, ota_priority: "bulk" })).toBe(300);
    expect(sumOf(before, "ota_queue_capacity", labels)).toBe(1000);
    expect(sumOf(before, "ota_queue_callers", labels)).toBe(2);
    expect(sumOf(before, "ota_queue_oldest_age_seconds", labels)).toBe(0.75);
    expect(sumOf(before, "ota_quota_pause_seconds", labels)).toBe(0.5);
    expect(sumOf(before, "ota_queue_expected_wait_seconds", { ...labels, ota_priority: "normal" })).toBe(0.2);
    // It cannot be told: no number would be true.
    expect(() => sumOf(before, "ota_queue_expected_wait_seconds", { ...labels, ota_priority: "bulk" })).toThrow(
      "no sample",
    );
    mode = "away";
    const after = await read();
    expect(sumOf(after, "ota_ledger_mode", { ...labels, ota_ledger_mode: "shared" })).toBe(0);
    expect(sumOf(after, "ota_ledger_mode", { ...labels, ota_ledger_mode: "away" })).toBe(1);
    unwatch();
    const askedBefore = asked;
    await read();
    expect(asked).toBe(askedBefore);
  });

  it("leaves a gauge out as soon as it cannot be told (was: its last value, for ever)", async () => {
    let standing: AccountStanding = aStanding();
    const account = { maxQueuedDevices: 5, standing: () => standing };
    onTestFinished(metrics.watch(new Map([["fading", account]]), () => 1000));
    const namesOf = async () => {
      const all = [...(await read()).values()].flatMap(({ samples }) => samples);
      return new Set(all.filter(({ labels }) => labels["ota_account"] === "fading").map(({ name }) => name));
    };
    const before = await namesOf();
    const { replicas: _, ...ledger } = standing.ledger;
    standing = { ...standing, ledger, expectedWaitMs: { urgent: Infinity, normal: Infinity, bulk: Infinity } };
    const after = await namesOf();
    const gone = [...before].filter((name) => !after.has(name));
    expect(gone).toEqual(["ota_queue_expected_wait_seconds", "ota_ledger_replicas"]);
  });

  it("shows each of two scrapers all of it, also at the same moment", async () => {
    onTestFinished(metrics.watch(new Map([["shared", { maxQueuedDevices: 5, standing: aStanding }]]), () => 1000));
    for (const families of await Promise.all([read(), read()])) {
      expect(sumOf(families, "ota_queue_capacity", { ota_account: "shared" })).toBe(5);
    }
  });

  it("follows a gauge after the machine's clock was set back (was: once the clock had caught up)", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    let free = 4;
    const standing = () => aStanding({ free });
    onTestFinished(metrics.watch(new Map([["set-back", { maxQueuedDevices: 5, standing }]]), () => 1000));
    const freeNow = async () => sumOf(await read(), "ota_tokens", { ota_account: "set-back", ota_token_state: "free" });
    expect(await freeNow()).toBe(3);
    vi.setSystemTime(Date.now() - 3_600_000);
    free = 7;
    await freeNow(); // may still be the value of before
    expect(await freeNow()).toBe(6);
  });

  it("shows a pause of the event loop to each scraper, for at least a minute (was: to the first only)", async () => {
    let nowMs = 0;
    onTestFinished(metrics.watchProcess("1.2.3", () => nowMs));
    const longest = async () => sumOf(await read(), "nodejs_eventloop_delay_max_seconds");
    await until(async () => (await longest()) > 0);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await until(async () => (await longest()) > 0.2);
    const seen = await longest();
    expect(seen).toBeGreaterThan(0.2);
    nowMs = 60_000;
    expect(await longest()).toBeGreaterThanOrEqual(seen);
    await until(async () => {
      nowMs += 60_000;
      return (await longest()) < seen;
    });
  });

  it("tells of what has to be looked after, and nothing of what is not used", async () => {
    const none = { auditLog: () => undefined, certificateLeftMs: () => undefined, keysAgeMs: () => undefined };
    metrics.watchSecurity(none)();
    expect([...(await read()).keys()].filter((name) => /audit|tls|jwt/.test(name))).toEqual([]);
    const unwatch = metrics.watchSecurity({
      auditLog: () => ({ lost: 2, waitingBytes: 300, waitingMs: 90_000 }),
      certificateLeftMs: () => -5000,
      keysAgeMs: () => 1500,
    });
    const families = await read();
    unwatch();
    const names = ["ota_audit_lost_total", "ota_audit_waiting_bytes", "ota_audit_waiting_age_seconds"];
    names.push("ota_tls_expires_in_seconds", "ota_jwt_keys_age_seconds");
    expect(names.map((name) => sumOf(families, name))).toEqual([2, 300, 90, -5, 1.5]);
  });

  it("goes on with the other metrics when an account cannot be read", async () => {
    const standing = () => {
      throw new Error("no standing");
    };
    const unwatch = metrics.watch(new Map([["broken", { maxQueuedDevices: 1, standing }]]), () => 1000);
    expect((await read()).has("ota_calls_total")).toBe(true);
    unwatch();
  });

  it("gives rpcs the attributes of the semantic conventions, an error type only for the server's failings", async () => {
    metrics.rpcEnded("ota.v1.OtaService/GetQuota", "OK", false, 250);
    metrics.rpcEnded("ota.v1.OtaService/GetQuota", "INTERNAL", true, 1);
    const samples = (await read()).get("rpc_server_call_duration_seconds")?.samples ?? [];
    const counts = samples.filter(
      ({ name, labels }) => name.endsWith("_count") && labels["rpc_method"]?.endsWith("Quota"),
    );
    const common = { rpc_system_name: "grpc", rpc_method: "ota.v1.OtaService/GetQuota" };
    expect(counts.map(({ labels }) => labels)).toEqual([
      { ...common, rpc_status_code: "OK" },
      { ...common, rpc_status_code: "INTERNAL", error_type: "INTERNAL" },
    ]);
    expect(
      sumOf(await read(), "rpc_server_call_duration_seconds_sum", { ...common, rpc_status_code: "OK" }),
    ).toBeCloseTo(0.25);
  });

  it("marks the state of the account among all that the gateway knows", async () => {
    useAll(run);
    const states = (await read()).get("ota_account_state")?.samples ?? [];
    const names = (value: (of: number) => boolean) => [
      ...new Set(states.filter((each) => value(each.value)).map(({ labels }) => labels["ota_state"])),
    ];
    expect(names(() => true)).toEqual(CONDITIONS);
    expect(names((value) => value === 1)).toEqual(["canceling"]);
  });

  it("puts units into names, as Prometheus expects", async () => {
    useAll(run);
    const names = [...(await read()).keys()];
    for (const name of ["ota_call_duration_seconds", "ota_audit_waiting_bytes", "ota_quota_rate_per_second"])
      expect(names).toContain(name);
    for (const name of ["process_cpu_time_seconds_total", "process_start_time_seconds", "ota_build_info"])
      expect(names).toContain(name);
    expect(names.filter((name) => /_(ratio|1)$/.test(name))).toEqual([]);
  });

  it("explains every metric, and prints nothing of the host", async () => {
    useAll(run);
    const families = await read();
    for (const [name, { help }] of families) {
      expect(name).toMatch(/^(ota|rpc_server|process|v8js|nodejs)_/);
      expect(help).toMatch(/^.{20,}\.$/);
    }
  });
});
