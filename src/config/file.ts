// Reads the file that OTA_CONFIG names, for settings that do not fit into variables.
//
//   accounts:                         # default: one account, `default`, set by the variables
//     default: {}
//     europe:
//       region: eu-central-1          # or endpoint: https://host:port
//       quota: 20                     # calls a second
//       quotas: { CancelOTATaskByJob: 8 }   # calls a second of other operations
//       counted: arrived              # when the upstream counts a call, as OTA_QUOTA_COUNTED
//       credentials: { env: EU_ }     # EU_ALIBABA_CLOUD_ACCESS_KEY_ID and so on; or { files: /run/secrets/eu }
//   callers: see callers.ts
import { readFileSync } from "node:fs";
import { DEFAULT_ACCOUNT } from "../gateway/command.js";
import type { Rights } from "../identity/rights.js";
import { callersOf } from "./callers.js";
import { known, mapping, type Wrong } from "./mapping.js";
import { COUNTED, type Counted } from "./settings.js";
import { OPERATION_QUOTAS, type OperationQuotas } from "./upstream-quotas.js";
import { hasUser } from "./values.js";
import { parsedYaml } from "./yaml.js";

/**
 * Where an account's keys are: shared with the process, in variables with a prefix, or in files of
 * a directory.
 */
export type CredentialsReference =
  | { readonly kind: "own" }
  | { readonly kind: "env"; readonly prefix: string }
  | { readonly kind: "files"; readonly directory: string };

export interface AccountSettings {
  /** The upstream's endpoint. */
  readonly url: URL;
  readonly callsPerSecond: number;
  /** Of other operations, in place of the documented ones. */
  readonly quotas?: OperationQuotas;
  /** When the upstream counts a call. */
  readonly counted: Counted;
  readonly credentials: CredentialsReference;
}

/** The values of an account that sets none itself. */
export type AccountDefaults = Pick<AccountSettings, "url" | "callsPerSecond" | "counted">;

export interface ConfigFile {
  readonly accounts: ReadonlyMap<string, AccountSettings>;
  readonly callers: ReadonlyMap<string, Rights>;
  /** Whether there is a file, but without any content. */
  readonly isEmpty: boolean;
}

const MAX_QUOTA = 1000;

/** Account names appear in keys of the store, in metrics and in logs. */
const ACCOUNT_NAME = /^[A-Za-z0-9][\w.-]{0,62}$/;
const REGION = /^[a-z0-9-]{1,40}$/;

/** The configuration without a file. */
export function withoutFile(defaults: AccountDefaults): ConfigFile {
  const account: AccountSettings = { ...defaults, credentials: { kind: "own" } };
  return { accounts: new Map([[DEFAULT_ACCOUNT, account]]), callers: new Map(), isEmpty: false };
}

/** Reads the file, and adds every mistake in it to `mistakes`. */
export function readConfigFile(path: string, defaults: AccountDefaults, mistakes: string[]): ConfigFile {
  const wrong = (where: string, expected: string) => mistakes.push(`${path}: ${where}: expected ${expected}`);
  const file = mapping(read(path, mistakes), "the file", wrong);
  known(file, ["accounts", "callers"], "", wrong);
  const accounts = new Map<string, AccountSettings>();
  for (const [name, value] of Object.entries(mapping(file["accounts"] ?? {}, "accounts", wrong))) {
    if (!ACCOUNT_NAME.test(name)) wrong(`accounts.${name}`, "a name of up to 63 letters, digits, - _ and .");
    accounts.set(name, accountOf(`accounts.${name}`, value ?? {}, defaults, wrong));
  }
  if (accounts.size === 0) accounts.set(DEFAULT_ACCOUNT, { ...defaults, credentials: { kind: "own" } });
  const callers = callersOf(file["callers"], new Set(accounts.keys()), wrong);
  return { accounts, callers, isEmpty: Object.keys(file).length === 0 };
}

function accountOf(where: string, value: unknown, defaults: AccountDefaults, wrong: Wrong): AccountSettings {
  const account = mapping(value, where, wrong);
  known(account, ["endpoint", "region", "quota", "quotas", "counted", "credentials"], `${where}.`, wrong);
  const { endpoint, region, quota = defaults.callsPerSecond, credentials } = account;
  const counted = COUNTED.find((each) => each === (account["counted"] ?? defaults.counted));
  if (!counted) wrong(`${where}.counted`, COUNTED.join(" or "));
  const isQuota = Number.isInteger(quota) && (quota as number) >= 1 && (quota as number) <= MAX_QUOTA;
  if (!isQuota) wrong(`${where}.quota`, `a whole number of calls a second, from 1 to ${MAX_QUOTA}`);
  const quotas = account["quotas"] === undefined ? undefined : quotasOf(`${where}.quotas`, account["quotas"], wrong);
  return {
    ...(quotas && { quotas }),
    counted: counted ?? defaults.counted,
    url: endpointOf(where, endpoint, region, wrong) ?? defaults.url,
    callsPerSecond: isQuota ? (quota as number) : defaults.callsPerSecond,
    credentials: credentialsOf(`${where}.credentials`, credentials, wrong),
  };
}

function quotasOf(where: string, value: unknown, wrong: Wrong): OperationQuotas {
  const quotas = mapping(value, where, wrong);
  known(quotas, Object.keys(OPERATION_QUOTAS), `${where}.`, wrong);
  for (const [operation, quota] of Object.entries(quotas)) {
    const isQuota = Number.isInteger(quota) && (quota as number) >= 1 && (quota as number) <= MAX_QUOTA;
    if (!isQuota) wrong(`${where}.${operation}`, `a whole number of calls a second, from 1 to ${MAX_QUOTA}`);
  }
  return quotas;
}

function endpointOf(where: string, endpoint: unknown, region: unknown, wrong: Wrong): URL | undefined {
  if (endpoint !== undefined && region !== undefined) wrong(where, "an endpoint or a region, not both");
  if (region !== undefined) {
    if (typeof region === "string" && REGION.test(region)) return new URL(`https://iot.${region}.aliyuncs.com`);
    wrong(`${where}.region`, "the name of a region, like eu-central-1");
  }
  if (endpoint === undefined) return undefined;
  const url = typeof endpoint === "string" && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.pathname === "/" && !url.search && !url.hash && !hasUser(url))
    return url;
  wrong(`${where}.endpoint`, "an http or https address without path");
  return undefined;
}

function credentialsOf(where: string, value: unknown, wrong: Wrong): CredentialsReference {
  if (value === undefined) return { kind: "own" };
  const { env, files, ...others } = mapping(value, where, wrong);
  if (typeof env === "string" && /^[A-Z0-9_]+$/.test(env) && files === undefined && Object.keys(others).length === 0) {
    return { kind: "env", prefix: env };
  }
  if (typeof files === "string" && files !== "" && env === undefined && Object.keys(others).length === 0) {
    return { kind: "files", directory: files };
  }
  // Does not repeat the value: it may be a key.
  wrong(where, "either { env: PREFIX_ } or { files: DIRECTORY }; keys themselves do not belong in this file");
  return { kind: "own" };
}

function read(path: string, mistakes: string[]): unknown {
  try {
    return parsedYaml(readFileSync(path, "utf8")) ?? {};
  } catch (error) {
    mistakes.push(`OTA_CONFIG: ${path} cannot be read: ${(error as Error).message}`);
    return {};
  }
}
