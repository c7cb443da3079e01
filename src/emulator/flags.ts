// Defines the flags of `emulate`, each with its bounds. The flags for open questions follow from
// their table.
import { InvalidArgumentError, Option } from "commander";
import { hostPortAdvice, parseHostPort } from "../base/host-port.js";
import { JsonMistakes, JsonObject } from "./checked-json.js";
import type { FaultPlan } from "./faults/fault-plan.js";
import { readFaultPlan } from "./faults/fault-plan-reader.js";
import { ALL_QUESTIONS } from "./open-questions.js";
import { OPERATIONS } from "./operations/registry.js";
import { DEFAULTS } from "./options.js";
import { QUOTA_WINDOWS } from "./quota.js";
import { type RolloutSpec, readRollout } from "./rollout-control.js";
import { SEEDED_NAME_LENGTH } from "./state/seeded-name.js";

const TEN_MINUTES_MS = 600_000;

export function emulatorFlags(): Option[] {
  const text = (flags: string, meaning: string, initial: string) =>
    initial === ""
      ? new Option(flags, meaning).default(initial, "none")
      : new Option(flags, meaning).default(initial).argParser(filled);
  const number = (flags: string, meaning: string, initial: number, least: number, most: number) =>
    new Option(flags, meaning).default(initial).argParser(wholeNumber(least, most));
  return [
    text("--listen <host:port>", "address to listen on; port 0 picks a free one", DEFAULTS.listen).argParser(address),
    text("--access-key-id <id>", "access key id of the account", DEFAULTS.accessKeyId),
    text("--access-key-secret <secret>", "access key secret of the account", DEFAULTS.accessKeySecret),
    text("--security-token <token>", "makes the key temporary, valid only with this token", DEFAULTS.securityToken),
    text("--instance-id <id>", "the IotInstanceId that every call must carry", DEFAULTS.instanceId),
    number("--quota <calls>", "quota of CancelOTATaskByDevice, in calls a second", DEFAULTS.quota, 1, 1_000_000),
    new Option("--quotas <json>", "calls a second of other operations, by action").argParser(quotas),
    new Option("--window <kind>", "how the quota's second is measured").choices(QUOTA_WINDOWS).default(DEFAULTS.window),
    number("--devices <count>", "devices to seed, each with a QUEUED task", DEFAULTS.devices, 0, 10_000_000),
    number("--name-length <chars>", "length of the device names", DEFAULTS.nameLength, SEEDED_NAME_LENGTH, 32),
    text("--product-key <key>", "product of the devices", DEFAULTS.productKey),
    text("--firmware-id <id>", "firmware of the seeded tasks", DEFAULTS.firmwareId),
    text("--job-id <id>", "job of the seeded tasks", DEFAULTS.jobId),
    text("--device-version <version>", "initial version of the devices", DEFAULTS.deviceVersion),
    new Option("--simulate", "devices update by themselves").default(DEFAULTS.simulate),
    number("--update-seconds <s>", "mean time of a simulated update", DEFAULTS.updateSeconds, 1, 86_400),
    new Option("--failure-rate <part>", "fraction of simulated updates that fail, 0 to 1")
      .default(DEFAULTS.failureRate)
      .argParser(part),
    number("--latency-ms <ms>", "travel time of a call and its answer", DEFAULTS.latencyMs, 0, TEN_MINUTES_MS),
    number("--jitter-ms <ms>", "variation of the travel time, either way", DEFAULTS.jitterMs, 0, TEN_MINUTES_MS),
    number(
      "--processing-ms <ms>",
      "how long a call is worked on, beside that",
      DEFAULTS.processingMs,
      0,
      TEN_MINUTES_MS,
    ),
    number(
      "--by-job-delay-ms <ms>",
      "how long a CancelOTATaskByJob takes to be applied after its arrival",
      DEFAULTS.byJobDelayMs,
      0,
      TEN_MINUTES_MS,
    ),
    number("--list-lag-ms <ms>", "how far lists of tasks lag behind", DEFAULTS.listLagMs, 0, TEN_MINUTES_MS),
    new Option("--rollout <json>", "a rollout to create at the start, as POST /__rollouts takes it; repeatable")
      .default([], "none")
      .argParser(rollout),
    new Option("--faults <json>", "faults in force from the start, as PUT /__faults takes them").argParser(faultPlan),
    new Option("--seed <number>", "repeats the same travel times, RequestIds and simulation").argParser(
      wholeNumber(0, 2 ** 32 - 1),
    ),
    ...Object.entries(ALL_QUESTIONS).map(([name, { choices, meaning }]) => {
      const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return new Option(`--${flag} <choice>`, `undocumented: ${meaning}`).choices(choices).default(choices[0]);
    }),
  ];
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new InvalidArgumentError(`A whole number from ${least} to ${most}.`);
    return value;
  };
}

function filled(text: string): string {
  if (text === "") throw new InvalidArgumentError("It is empty; leave it out for the default.");
  return text;
}

function part(text: string): number {
  const value = /^(0|1)?(\.\d+)?$/.test(text) && text !== "" ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("A number from 0 to 1.");
  return value;
}

/** Parses a fault plan. Returns only what it mentions, so that other flags decide the rest. */
function faultPlan(text: string): Partial<FaultPlan> {
  try {
    const json: unknown = JSON.parse(text);
    const plan = Object.entries(readFaultPlan(json));
    return Object.fromEntries(plan.filter(([name]) => Object.hasOwn(json as object, name)));
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

function address(text: string): string {
  if (!parseHostPort(text))
    throw new InvalidArgumentError(`It is not host:port: ${hostPortAdvice(text, DEFAULTS.listen)}.`);
  return text;
}

function quotas(text: string): Readonly<Record<string, number>> {
  return parsedJson(text, (json) => {
    const actions = Object.keys(OPERATIONS);
    const body = new JsonObject(json, actions);
    const read = actions.map((action) => [action, body.whole(action, [1, 1_000_000])] as const);
    body.check();
    return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as Record<string, number>;
  });
}

function rollout(text: string, before: readonly RolloutSpec[]): readonly RolloutSpec[] {
  return [...before, parsedJson(text, readRollout)];
}

function parsedJson<T>(text: string, read: (json: unknown) => T): T {
  try {
    return read(JSON.parse(text));
  } catch (error) {
    if (error instanceof JsonMistakes || error instanceof SyntaxError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
