// Defines every setting once: variable, parser, default, meaning. Help, README and the parser all
// read this table.
import {
  addressLike,
  addressOrOff,
  flag,
  integer,
  keyLocation,
  oneOf,
  origin,
  type Parser,
  path,
  redisUrls,
  secret,
  stateLocation,
  timeSpan,
} from "./values.js";

export interface Setting<T> {
  readonly variable: `OTA_${string}`;
  readonly parse: Parser<T>;
  readonly default: string;
  readonly meaning: string;
}

/** When the upstream counts a call: some time until its answer, or when it arrives. */
export const COUNTED = ["answered", "arrived"] as const;
export type Counted = (typeof COUNTED)[number];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export const SETTINGS = {
  listen: setting("OTA_LISTEN", addressLike("127.0.0.1:50051"), "127.0.0.1:50051", "gRPC address"),
  adminListen: setting(
    "OTA_ADMIN_LISTEN",
    addressOrOff("127.0.0.1:9464"),
    "127.0.0.1:9464",
    "HTTP address of the admin page, /metrics, /livez and /readyz; off opens no such port",
  ),
  adminToken: setting(
    "OTA_ADMIN_TOKEN",
    secret,
    "",
    "bearer token for the admin page; without it, the page is served to localhost only",
  ),
  upstreamUrl: setting(
    "OTA_UPSTREAM_URL",
    origin,
    "https://iot.cn-shanghai.aliyuncs.com",
    "endpoint: scheme, host and port",
  ),
  upstreamTimeoutMs: setting(
    "OTA_UPSTREAM_TIMEOUT_MS",
    integer(100, 120_000),
    "10000",
    "timeout of one upstream call, in ms",
  ),
  upstreamMaxUrlBytes: setting(
    "OTA_UPSTREAM_MAX_URL_BYTES",
    integer(2048, 65_536),
    "12288",
    "limit on the address of one call, in bytes; calls are cut to fit it",
  ),
  callsPerSecond: setting(
    "OTA_QUOTA_CALLS_PER_SECOND",
    integer(1, 1000),
    "10",
    "calls a second that the upstream allows the account",
  ),
  counted: setting(
    "OTA_QUOTA_COUNTED",
    oneOf(COUNTED),
    "answered",
    "when the upstream counts a call: answered assumes nothing; arrived asserts that it does on arrival, so that tokens return earlier",
  ),
  maxDevicesPerRequest: setting(
    "OTA_MAX_DEVICES_PER_REQUEST",
    integer(1, 100_000),
    "10000",
    "most devices in one request",
  ),
  maxQueuedDevices: setting(
    "OTA_MAX_QUEUED_DEVICES",
    integer(1, 100_000_000),
    "1000000",
    "most devices waiting in each account, for all callers",
  ),
  maxQueuedDevicesPerCaller: setting(
    "OTA_MAX_QUEUED_DEVICES_PER_CALLER",
    integer(1, 100_000_000),
    "500000",
    "most devices waiting in each account, for one caller",
  ),
  defaultDeadlineMs: setting(
    "OTA_DEFAULT_DEADLINE_MS",
    integer(1, 86_400_000),
    "60000",
    "deadline of a request that sets none, in ms; streams have none",
  ),
  verifyMaxDevicesWithoutJob: setting(
    "OTA_VERIFY_MAX_DEVICES_WITHOUT_JOB",
    integer(0, 10_000),
    "50",
    "most devices of a request without a job that are read back; each takes a call",
  ),
  startupCheck: setting(
    "OTA_STARTUP_CHECK",
    flag,
    "1",
    "1 makes a harmless call for each account at the start, to see whether the upstream answers and accepts the keys; 0 makes none",
  ),
  drainTimeoutMs: setting(
    "OTA_DRAIN_TIMEOUT_MS",
    integer(0, 3_600_000),
    "25000",
    "longest wait for requests at shutdown, in ms",
  ),
  redisUrls: setting(
    "OTA_REDIS_URL",
    redisUrls,
    "",
    "Redis or Valkey through which replicas share the quota; several addresses, separated by commas, are nodes of a Cluster; redis+sentinel://host:port,host:port/group asks Sentinels",
  ),
  onStoreLoss: setting(
    "OTA_ON_STORE_LOSS",
    oneOf(["closed", "share"] as const),
    "closed",
    "if Redis cannot be reached: closed sends nothing; share uses the tokens already held, for up to 30 s",
  ),
  state: setting(
    "OTA_STATE",
    stateLocation,
    "",
    "where operations survive a restart: a file, of one gateway alone, or postgres://user:password@host/database; without it, they are kept in memory",
  ),
  operationRetentionMs: setting(
    "OTA_OPERATION_RETENTION",
    timeSpan(60_000, 365 * 86_400_000),
    "7d",
    "how long an operation and its results are kept after its end; in memory at most 1h",
  ),
  maxOperationsPerCaller: setting(
    "OTA_MAX_OPERATIONS_PER_CALLER",
    integer(1, 100_000),
    "20",
    "most operations of one caller that have not ended",
  ),
  maxDevicesPerOperation: setting(
    "OTA_MAX_DEVICES_PER_OPERATION",
    integer(1, 100_000_000),
    "5000000",
    "most devices in one operation",
  ),
  maxStoredDevices: setting(
    "OTA_MAX_STORED_DEVICES",
    integer(1, 1_000_000_000),
    "50000000",
    "most devices in the store of operations, of all callers; in memory at most 10000000",
  ),
  configFile: setting("OTA_CONFIG", path, "", "YAML file for accounts, callers and their rights"),
  jwtKeys: setting("OTA_JWT_JWKS", keyLocation, "", "file or https address of the keys that verify bearer tokens"),
  jwtIssuer: setting("OTA_JWT_ISSUER", path, "", "required `iss` of tokens"),
  jwtAudience: setting("OTA_JWT_AUDIENCE", path, "", "required `aud` of tokens, alone or in a list"),
  auditLog: setting(
    "OTA_AUDIT_LOG",
    path,
    "",
    "file for the audit log, one JSON line a request; - for standard output",
  ),
  auditStrict: setting(
    "OTA_AUDIT_STRICT",
    flag,
    "",
    "1 refuses to start if the file of OTA_AUDIT_LOG cannot be written",
  ),
  auditDeviceNames: setting("OTA_AUDIT_DEVICE_NAMES", flag, "", "1 puts device names into the audit log"),
  tlsCert: setting("OTA_TLS_CERT", path, "", "PEM file with the certificate of the gRPC port and its chain"),
  tlsKey: setting("OTA_TLS_KEY", path, "", "PEM file with the private key of the certificate"),
  tlsClientCa: setting(
    "OTA_TLS_CLIENT_CA",
    path,
    "",
    "PEM file with the CA for client certificates; if set, callers must present one, or a token if OTA_JWT_JWKS is set",
  ),
  insecure: setting("OTA_INSECURE", flag, "", "1 allows plain text on an address that is not loopback"),
  logLevel: setting("OTA_LOG_LEVEL", oneOf(LOG_LEVELS), "info", LOG_LEVELS.join(", ")),
};

/** The flag of a setting, without its dashes: OTA_UPSTREAM_URL is --upstream-url. */
export function flagOfSetting({ variable }: Pick<Setting<unknown>, "variable">): string {
  return variable.slice("OTA_".length).toLowerCase().replaceAll("_", "-");
}

/** Any user of the machine can read a process's arguments, so a secret is a variable only. */
export const NO_FLAGS: readonly string[] = [SETTINGS.adminToken, SETTINGS.redisUrls, SETTINGS.state].map(
  ({ variable }) => variable,
);

export type Settings = { readonly [K in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[K]["parse"]> };

function setting<T>(variable: `OTA_${string}`, parse: Parser<T>, fallback: string, meaning: string): Setting<T> {
  return { variable, parse, default: fallback, meaning };
}
