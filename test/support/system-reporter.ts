// Provides what the files of a run need from the system before the first of them begins. Ends the
// run with one line about what was left out because it was missing, and one that counts the tests.
import { readFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { provide } from "./debian.js";
import { REQUIREMENTS, type SystemNeed, systemHas } from "./system.js";

export class SystemReporter implements Reporter {
  #needs: readonly SystemNeed[] = [];

  onTestRunStart(specifications: readonly { readonly moduleId: string }[]): void {
    this.#needs = needsOf(specifications.map(({ moduleId }) => readFileSync(moduleId, "utf8")));
    provide(...this.#needs);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const missing = this.#needs.filter((need) => !systemHas(need));
    if (missing.length > 0) process.stdout.write(`${leftOut(missing)}\n`);
    process.stdout.write(`${countLine(modules, errors.length)}\n`);
  }
}

/** Everything that these test files ask `systemHas` about. */
export function needsOf(sources: readonly string[]): readonly SystemNeed[] {
  const all = Object.keys(REQUIREMENTS) as SystemNeed[];
  return all.filter((need) => sources.some((source) => source.includes(`systemHas("${need}")`)));
}

/** The closing line about tests that were not run. */
export function leftOut(missing: readonly SystemNeed[]): string {
  const each = missing.map((need) => {
    const { name, packages, unpacked = [], fromNpm } = REQUIREMENTS[need];
    const all = new Set([...packages, ...unpacked, ...(fromNpm ? [fromNpm.package] : [])]);
    return `${name} (${[...all].join(", ")})`;
  });
  return `left out: tests that need ${each.join("; ")}. As root on Debian, these packages are fetched where the release has them.`;
}

/**
 * `N passed, N failed`, and those skipped. A file or a run that broke outside its tests counts as
 * one more failure.
 */
export function countLine(modules: readonly TestModule[], brokenOutside: number): string {
  const count = { passed: 0, failed: brokenOutside, skipped: 0 };
  for (const module of modules) {
    const states = [...module.children.allTests()].map((test) => test.result().state);
    const outcomes = states.map((state) => (state === "pending" ? "failed" : state));
    for (const outcome of outcomes) count[outcome]++;
    if (module.state() === "failed" && !outcomes.includes("failed")) count.failed++;
  }
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
  return `${count.passed} passed, ${count.failed} failed${skipped}`;
}
