// Every setting, defined once: variable, parser, default, meaning.
import { address, flag, integer, keyLocation, oneOf, origin, type Parser, path, redisUrls } from "./values.js";

export interface Setting<T> {
  readonly variable: `OTA_${string}`;
  readonly parse: Parser<T>;
  readonly default: string;
  readonly meaning: string;
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** The table. The name of a flag is that of its variable: OTA_UPSTREAM_URL is --upstream-url. */
export const SETTINGS = {
  listen: setting("OTA_LISTEN", address, "127.0.0.1:50051", "gRPC address"),
  adminListen: setting(
    "OTA_ADMIN_LISTEN",
    address,
    "127.0.0.1:9464",
    "HTTP address of the admin page, /metrics, /livez and /readyz",
  ),
  adminToken: setting("OTA_ADMIN_TOKEN", path, "", "who knows it may see the admin page, also from other machines"),
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
    "the longest that one call may take, in ms",
  ),
  upstreamMaxUrlBytes: setting(
    "OTA_UPSTREAM_MAX_URL_BYTES",
    integer(2048, 65_536),
    "12288",
    "a call is also cut by the bytes of its address",
  ),
  callsPerSecond: setting(
    "OTA_QUOTA_CALLS_PER_SECOND",
    integer(1, 1000),
    "10",
    "calls a second that the account is allowed",
  ),
  maxDevicesPerRequest: setting("OTA_MAX_DEVICES_PER_REQUEST", integer(1, 100_000), "10000", "devices in one request"),
  maxQueuedDevices: setting(
    "OTA_MAX_QUEUED_DEVICES",
    integer(1, 100_000_000),
    "1000000",
    "devices that may wait in each account, in all",
  ),
  maxQueuedDevicesPerCaller: setting(
    "OTA_MAX_QUEUED_DEVICES_PER_CALLER",
    integer(1, 100_000_000),
    "500000",
    "devices that may wait in each account, of one caller",
  ),
  defaultDeadlineMs: setting(
    "OTA_DEFAULT_DEADLINE_MS",
    integer(1, 86_400_000),
    "60000",
    "for a request that has no deadline, in ms; streams have none",
  ),
  verifyMaxDevicesWithoutJob: setting(
    "OTA_VERIFY_MAX_DEVICES_WITHOUT_JOB",
    integer(0, 10_000),
    "50",
    "devices of one request that are read back although it names no job; each takes a call",
  ),
  drainTimeoutMs: setting(
    "OTA_DRAIN_TIMEOUT_MS",
    integer(0, 3_600_000),
    "25000",
    "the longest that a shutdown waits for requests, in ms",
  ),
  redisUrls: setting(
    "OTA_REDIS_URL",
    redisUrls,
    "",
    "Redis or Valkey that replicas share the quota through; several, with commas, are nodes of a Cluster",
  ),
  onStoreLoss: setting(
    "OTA_ON_STORE_LOSS",
    oneOf(["closed", "share"] as const),
    "closed",
    "without it: closed sends nothing, share goes on for 30 s with the tokens held",
  ),
  configFile: setting(
    "OTA_CONFIG",
    path,
    "",
    "YAML file for what does not fit into variables: accounts, callers and their rights",
  ),
  jwtKeys: setting(
    "OTA_JWT_JWKS",
    keyLocation,
    "",
    "file or https address of the keys that bearer tokens are verified with",
  ),
  jwtIssuer: setting("OTA_JWT_ISSUER", path, "", "`iss` that tokens must have"),
  jwtAudience: setting("OTA_JWT_AUDIENCE", path, "", "`aud` that tokens must have, or be among"),
  auditLog: setting("OTA_AUDIT_LOG", path, "", "file for one JSON line a request; - for standard output"),
  auditDeviceNames: setting("OTA_AUDIT_DEVICE_NAMES", flag, "", "1 puts device names into the audit log"),
  tlsCert: setting("OTA_TLS_CERT", path, "", "PEM file of the gRPC port's certificate and its chain"),
  tlsKey: setting("OTA_TLS_KEY", path, "", "PEM file of its private key"),
  tlsClientCa: setting(
    "OTA_TLS_CLIENT_CA",
    path,
    "",
    "PEM file of who signs the certificates of callers, who then need one, or a token if OTA_JWT_JWKS is set",
  ),
  insecure: setting("OTA_INSECURE", flag, "", "1 allows plaintext on an address that is not loopback"),
  logLevel: setting("OTA_LOG_LEVEL", oneOf(LOG_LEVELS), "info", LOG_LEVELS.join(", ")),
};

/** Anybody on the machine can read what a process was started with, so what may hold a secret is a variable only. */
export const NO_FLAGS: readonly string[] = [SETTINGS.adminToken, SETTINGS.redisUrls].map(({ variable }) => variable);

export type Settings = { readonly [K in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[K]["parse"]> };

function setting<T>(variable: `OTA_${string}`, parse: Parser<T>, fallback: string, meaning: string): Setting<T> {
  return { variable, parse, default: fallback, meaning };
}
