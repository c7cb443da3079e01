// Surrounds the questions of either part of the probe: reads the settings, prints the plan, asks
// for consent, sets up keys and wire, ends on a signal, prints the report. Sends nothing without
// consent.
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { systemClock } from "../base/clock.js";
import { nextSignalOrHangup } from "../base/signals.js";
import { ConfigError, type Environment } from "../config/config.js";
import { SETTINGS, type Setting } from "../config/settings.js";
import { trustSystemAuthorities } from "../network/authorities.js";
import { proxyFor, proxyMistakes } from "../network/proxy.js";
import { createCredentials } from "../upstream/credentials.js";
import type { ProbeOptions } from "./probe/run.js";
import { createWire } from "./probe/wire.js";
import { jsonText } from "./terminal/json.js";

/** The flags of every part. */
export interface SessionFlags {
  readonly productKey: string;
  readonly firmwareId: string;
  readonly instanceId?: string;
  readonly sacrificialDevice?: readonly string[];
  readonly upstreamUrl?: string;
  readonly upstreamTimeoutMs?: string;
  readonly quotaCallsPerSecond?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

export interface ProbeSettings {
  readonly url: URL;
  readonly timeoutMs: number;
  readonly quota: number;
}

export interface ProbeSession<P extends { readonly endedBy?: string }> {
  readonly plan: string;
  /** The user's names. They must not appear in the report. */
  readonly names: readonly (string | undefined)[];
  readonly run: (options: ProbeOptions) => Promise<P>;
  readonly text: (probe: P) => string;
  readonly json: (probe: P) => object;
}

/** Sets the exit code: 0 when everything was asked, 1 if it ended early or consent was refused. */
export async function runSession<P extends { readonly endedBy?: string }>(
  { plan, names, run, text, json }: ProbeSession<P>,
  { url, timeoutMs }: ProbeSettings,
  flags: SessionFlags,
  command: Command,
): Promise<void> {
  if (flags.dryRun && flags.json) {
    command.error("error: --dry-run prints the plan as text; leave out --json, which is about the report", {
      exitCode: 2,
    });
  }
  const proxy = proxyFor(url, process.env);
  if (flags.dryRun) return void process.stdout.write(plan);
  process.stderr.write(`${plan}\n`);
  if (!flags.yes && !(await confirmed(command))) {
    process.stderr.write("Nothing was sent.\n");
    process.exitCode = 1;
    return;
  }
  const ending = new AbortController();
  void nextSignalOrHangup().then(() => {
    process.stderr.write("ending; a second signal ends at once\n");
    ending.abort();
  });
  // With DEBUG set, the vendor's credentials library prints whole answers.
  delete process.env["DEBUG"];
  const clock = systemClock;
  const credentials = createCredentials({ clock });
  trustSystemAuthorities();
  const wire = createWire({
    url,
    timeoutMs,
    credentials,
    clock,
    proxy,
    names: names.filter((each) => each !== undefined),
  });
  const progress = (line: string) => void process.stderr.write(`  ${line}\n`);
  const probe = await run({ wire, clock, signal: ending.signal, progress });
  await wire.close();
  process.stdout.write(flags.json ? jsonText(json(probe)) : `\n${text(probe)}`);
  process.exitCode = probe.endedBy === undefined ? 0 : 1;
}

/** Reads the settings. Throws ConfigError with every mistake. */
export function probeSettings(flags: SessionFlags, environment: Environment): ProbeSettings {
  const mistakes = [...proxyMistakes(environment)];
  const read = <T>({ variable, parse, default: fallback }: Setting<T>, flag: string | undefined): T | undefined => {
    const text = flag ?? (environment[variable]?.trim() || fallback);
    try {
      return parse(text);
    } catch (error) {
      mistakes.push(`${variable}: expected ${(error as Error).message}`);
      return undefined;
    }
  };
  const url = read(SETTINGS.upstreamUrl, flags.upstreamUrl);
  const timeoutMs = read(SETTINGS.upstreamTimeoutMs, flags.upstreamTimeoutMs);
  const quota = read(SETTINGS.callsPerSecond, flags.quotaCallsPerSecond);
  if (!url || !timeoutMs || !quota || mistakes.length > 0) throw new ConfigError(mistakes);
  return { url, timeoutMs, quota };
}

/** Asks on the terminal. Without one, nothing can be confirmed. */
async function confirmed(command: Command): Promise<boolean> {
  if (!process.stdin.isTTY) {
    command.error("error: nothing is sent without confirmation; run it on a terminal, or with --yes", { exitCode: 2 });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-C and Ctrl-D mean no.
    const left = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
    const answer = await Promise.race([terminal.question("Send them? [y/N] "), left]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
