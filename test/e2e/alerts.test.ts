// The alerts in Prometheus' own hands: its tool reads the rules, and plays the days on which each must fire or be silent.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { connect } from "../../src/client/client.js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { freePort } from "../support/free-port.js";
import { endPrograms, openEmulator, runGateway, until } from "../support/processes.js";
import { programPath, systemHas } from "../support/system.js";

afterEach(endPrograms);

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

/** Times of the rules, twenty times shorter. */
function hurried(rules: string): string {
  return rules.replaceAll("[1m]", "[5s]").replaceAll("[2m]", "[10s]").replaceAll("for: 30s", "for: 2s");
}

interface FiringAlert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Prometheus itself (Debian's package of promtool has it), scraping this address, with the rules in a hurry. */
async function startPrometheus(target: string): Promise<() => Promise<readonly FiringAlert[]>> {
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-prometheus-"));
  writeFileSync(join(folder, "rules.yaml"), hurried(readFileSync(RULES, "utf8")));
  writeFileSync(
    join(folder, "prometheus.yaml"),
    `global: { scrape_interval: 500ms, evaluation_interval: 500ms }
rule_files: [rules.yaml]
scrape_configs: [{ job_name: ota-gateway, static_configs: [{ targets: ["${target}"] }] }]
`,
  );
  const port = await freePort();
  const flags = [
    `--config.file=${join(folder, "prometheus.yaml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn(programPath("prometheus") ?? "", flags, { stdio: "ignore" });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await once(child, "close");
    rmSync(folder, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await until(() =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return async () => {
    const { data } = (await (await fetch(`${url}/api/v1/alerts`)).json()) as { data: { alerts: FiringAlert[] } };
    return data.alerts.filter(({ state }) => state === "firing");
  };
}

describe.runIf(systemHas("promtool"))("Prometheus, scraping a real gateway", () => {
  it("fires the critical alert, with the state of the account, when the keys are disabled while devices are canceled (was: a warning, after six minutes)", async () => {
    const emulator = await openEmulator({ devices: 200 });
    const gateway = await runGateway(emulator.url);
    const firing = await startPrometheus(gateway.admin.replace("http://", ""));
    const client = connect(gateway.grpc);
    onTestFinished(() => client.close());
    const { productKey, firmwareId } = DEFAULTS;
    const ask = () => client.cancelTasksByDevice({ productKey, firmwareId, deviceNames: [seededName(0)] });
    await ask();
    const error = { kind: "error", code: "InvalidAccessKeyId.Inactive", shape: "gateway", status: 403 };
    const rules = [{ action: "CancelOTATaskByDevice", fault: error }];
    await fetch(`${emulator.url}/__faults`, { method: "PUT", body: JSON.stringify({ rules }) });
    const isNothingAccepted = ({ labels }: FiringAlert) => labels["alertname"] === "OtaGatewayNothingAccepted";
    await expect
      .poll(
        async () => {
          await ask().catch(() => {});
          return (await firing()).filter(isNothingAccepted);
        },
        { interval: 500 },
      )
      .toMatchObject([
        {
          labels: { severity: "critical", ota_account: "default", job: "ota-gateway" },
          annotations: { summary: expect.stringMatching(/ State: keys-refused\.$/) },
        },
      ]);
  });
});
