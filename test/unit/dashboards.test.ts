// The dashboard and the alerts ask only for what the exporter really prints: metrics, labels, and the values that
// labels are compared with.
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { RUNBOOK } from "../../src/observe/admin/runbook.js";
import { measured, useAll } from "../support/metrics-run.js";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync("deploy/grafana/ota-gateway.json", "utf8"));
const panels: readonly Panel[] = dashboard.panels;
const { groups } = parse(readFileSync("deploy/prometheus/ota-gateway.rules.yaml", "utf8"));
const rules: readonly Rule[] = groups.flatMap(({ rules }: { rules: Rule[] }) => rules);
const panelQueries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Labels that come from whoever scrapes. */
const SCRAPED = ["instance", "job"];
const WORDS = new Set(["by", "without", "and", "or", "unless", "on", "ignoring", "group_left", "group_right", "bool"]);

/** By metric, its labels with their values. */
const printed = new Map<string, Map<string, Set<string>>>();

beforeAll(async () => {
  const run = measured();
  useAll(run);
  for (const { samples } of (await run.read()).values()) {
    for (const { name, labels } of samples) {
      const known = printed.get(name) ?? new Map<string, Set<string>>();
      printed.set(name, known);
      for (const [label, value] of Object.entries(labels)) known.set(label, (known.get(label) ?? new Set()).add(value));
    }
  }
});

interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

/** What a query asks for, and what it groups by. */
function readQuery(query: string): { selectors: Selector[]; grouping: string[] } {
  const grouping: string[] = [];
  const plain = query
    .replace(/\b(?:by|without|on|ignoring) *\(([^)]*)\)/g, (_, labels: string) => {
      grouping.push(...labels.split(",").map((label) => label.trim()));
      return " ";
    })
    .replace(/\[[^\]]*\]/g, " ");
  const selectors = [...plain.matchAll(/([a-zA-Z_:][\w:]*)\s*(\(|\{[^}]*\})?/g)].flatMap(([, word = "", rest = ""]) => {
    if (rest === "(" || WORDS.has(word)) return [];
    const matchers = [...rest.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)].map(([, label = "", value = ""]) => ({
      label,
      values: value === "" || value.startsWith("$") ? [] : value.split("|"),
    }));
    return [{ metric: word, matchers }];
  });
  return { selectors, grouping };
}

function check(query: string): void {
  const { selectors, grouping } = readQuery(query);
  expect(selectors).not.toEqual([]);
  const labelsAsked = new Set(SCRAPED);
  for (const { metric, matchers } of selectors) {
    const labels = printed.get(metric);
    expect(labels, `${metric} is not printed`).toBeDefined();
    for (const label of labels?.keys() ?? []) labelsAsked.add(label);
    for (const { label, values } of matchers) {
      const known = labels?.get(label);
      if (!SCRAPED.includes(label)) expect(known, `${metric} has no ${label}`).toBeDefined();
      for (const value of values) expect(known, `${metric} has no ${label}="${value}"`).toContain(value);
    }
  }
  for (const label of grouping) expect(labelsAsked, query).toContain(label);
}

describe("deploy/grafana/ota-gateway.json", () => {
  it.each(panelQueries)("asks for what is printed: %s", check);

  it("fills its variables from what is printed", () => {
    const queries = dashboard.templating.list.flatMap(({ definition = "" }) => definition || []);
    for (const query of queries) {
      const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
      expect([...(printed.get(metric)?.keys() ?? []), ...SCRAPED]).toContain(label);
    }
    const used = new Set(JSON.stringify(panels).match(/(?<=\$)[a-z]+|(?<=\$\{)[a-z]+/g));
    expect(used).toEqual(new Set(dashboard.templating.list.map(({ name }: { name: string }) => name)));
  });

  it("shows every metric", () => {
    const shown = panelQueries.flatMap((query) => readQuery(query).selectors.map(({ metric }) => metric));
    const families = (names: Iterable<string>) =>
      new Set([...names].map((name) => name.replace(/_(bucket|sum|count)$/, "")));
    expect(families(shown)).toEqual(families(printed.keys()));
  });

  it("stays within its width", () => {
    for (const { title, gridPos } of panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
  });
});

describe("deploy/prometheus/ota-gateway.rules.yaml", () => {
  it.each(rules.map(({ alert, expr }) => [alert, expr]))("%s asks for what is printed", (_, expr) => check(expr));

  it.each(rules.map((rule) => [rule.alert, rule] as const))("%s says what is wrong and where to read on", (_, rule) => {
    expect(rule.annotations.summary).toMatch(/\.$/);
    expect(["warning", "critical"]).toContain(rule.labels.severity);
    const [, anchor] = /^\{\{.*\}\}\/metrics\.md#([a-z-]+)$/.exec(rule.annotations.runbook) ?? [];
    expect(RUNBOOK.get("/runbook/metrics.md")).toContain(`id="${anchor}"`);
    const headings = readFileSync("docs/metrics.md", "utf8").match(/^#+ .*$/gm) ?? [];
    expect(headings.map((heading) => heading.replace(/^#+ /, "").toLowerCase().replaceAll(" ", "-"))).toContain(anchor);
  });
});

describe("what is checked", () => {
  it("would find a metric, a label, a value or a group that is not printed", () => {
    for (const wrong of [
      "sum(ota_call_total)",
      'rate(ota_calls_total{ota_outcome="accepted"}[5m])',
      'rate(ota_calls_total{ota_result=~"lost|gone"}[5m])',
      "sum by (ota_caller) (ota_calls_total)",
    ]) {
      expect(() => check(wrong), wrong).toThrow();
    }
  });
});
