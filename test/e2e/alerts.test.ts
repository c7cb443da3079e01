// The alerts in Prometheus' own hands: its tool reads the rules, and plays the days on which each must fire or be silent.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { programPath, systemHas } from "../support/system.js";

interface Expectation {
  readonly alertname: string;
  readonly exp_alerts?: readonly object[];
}

const run = promisify(execFile);
const promtool = programPath("promtool") ?? "";
const RULES = "deploy/prometheus/ota-gateway.rules.yaml";
const DAYS = "deploy/prometheus/ota-gateway.rules.test.yaml";

const groups: readonly { readonly rules: readonly { readonly alert: string }[] }[] = parse(
  readFileSync(RULES, "utf8"),
).groups;
const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
const expected: readonly Expectation[] = parse(readFileSync(DAYS, "utf8")).tests.flatMap(
  (day: { alert_rule_test: readonly Expectation[] }) => day.alert_rule_test,
);

describe("deploy/prometheus/ota-gateway.rules.test.yaml", () => {
  it.each(alerts)("has a moment at which %s fires, and one at which it is silent", (alert) => {
    const ofAlert = expected.filter(({ alertname }) => alertname === alert);
    expect(ofAlert.some(({ exp_alerts }) => exp_alerts !== undefined)).toBe(true);
    expect(ofAlert.some(({ exp_alerts }) => exp_alerts === undefined)).toBe(true);
  });
});

describe.runIf(systemHas("promtool"))("promtool", () => {
  it("finds nothing wrong with the rules", async () => {
    const { stdout } = await run(promtool, ["check", "rules", RULES]);
    expect(stdout).toContain(`SUCCESS: ${alerts.length} rules found`);
  });

  it("sees each alert fire when it should, and stay silent when it should not", async () => {
    const { stdout } = await run(promtool, ["test", "rules", DAYS]);
    expect(stdout).toContain("SUCCESS");
  });
});
