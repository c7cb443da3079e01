// Checks the standard OTEL_* variables before the SDK reads them, and changes what it could not
// use: a value with a mistake counts as unset, as the specification says, and of a list the good
// entries stay. Mistakes never show a value that may be a secret.
import { readFileSync } from "node:fs";

/** Reports a mistake, and returns the part of the value that can be used. */
type Check = (text: string, mistake: (words: string) => void) => string;

type Variables = Record<string, string | undefined>;

/** Corrects `environment`, and returns every mistake. */
export function settleTelemetryVariables(environment: Variables): readonly string[] {
  const mistakes: string[] = [];
  for (const [name, check] of CHECKS) {
    const text = environment[name]?.trim();
    if (text === undefined) continue;
    const usable = text && check(text, (words) => mistakes.push(`${name}: ${words}`));
    if (usable === "") delete environment[name];
    else environment[name] = usable;
  }
  const [batch, queue] = ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_MAX_QUEUE_SIZE"] as const;
  const room = environment[queue] ?? "2048";
  if (Number(environment[batch] ?? 512) > Number(room)) {
    if (environment[batch]) mistakes.push(`${batch}: expected no more than ${queue}, which is ${room}; that applies`);
    environment[batch] = room;
  }
  for (const signal of ["TRACES_", "METRICS_"]) {
    const protocol = environment[`OTEL_EXPORTER_OTLP_${signal}PROTOCOL`] ?? environment["OTEL_EXPORTER_OTLP_PROTOCOL"];
    for (const name of [`OTEL_EXPORTER_OTLP_${signal}ENDPOINT`, "OTEL_EXPORTER_OTLP_ENDPOINT"]) {
      const text = environment[name];
      if (text === undefined) continue;
      if (protocol === "grpc" || isHttp(text)) break;
      mistakes.push(`${name}: expected an http or https address, unless the protocol is grpc; the default applies`);
      delete environment[name];
    }
  }
  return mistakes;
}

const anything: Check = (text) => text;

const boolean: Check = (text, mistake) => oneOf("true", "false")(text, mistake);

function oneOf(...allowed: readonly string[]): Check {
  return (text, mistake) => {
    const found = allowed.find((each) => each === text.toLowerCase());
    if (found === undefined) mistake(`expected ${listed(allowed)}, not ${JSON.stringify(text)}; the default applies`);
    return found ?? "";
  };
}

function listOf(...allowed: readonly string[]): Check {
  return (text, mistake) =>
    entriesOf(text)
      .filter((entry) => oneOf(...allowed)(entry, mistake) !== "")
      .join();
}

/** The longest delay of a timer: with a longer one, the SDK would export every millisecond. */
const MOST = 2 ** 31 - 1;

function wholeNumber(least: 0 | 1): Check {
  return (text, mistake) => {
    if (/^\d+$/.test(text) && Number(text) >= least && Number(text) <= MOST) return text;
    mistake(`expected a whole number from ${least} to ${MOST}, not ${JSON.stringify(text)}; the default applies`);
    return "";
  };
}

const ratio: Check = (text, mistake) => {
  if (Number(text) >= 0 && Number(text) <= 1) return text;
  mistake(`expected a number from 0 to 1, not ${JSON.stringify(text)}; 1 applies`);
  return "";
};

const httpAddress: Check = (text, mistake) => {
  if (isHttp(text)) return text;
  mistake("expected an http or https address, not what was given; the default applies");
  return "";
};

/** gRPC takes host:port too. */
const endpoint: Check = (text, mistake) => (/^[\w.-]+:\d+$/.test(text) ? text : httpAddress(text, mistake));

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

const file: Check = (path, mistake) => {
  try {
    readFileSync(path);
    return path;
  } catch (error) {
    mistake(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}; it is not used`);
    return "";
  }
};

/** Pairs of names and percent-encoded values. The SDK discards all of them for one mistake. */
function pairs(mayShowName: boolean): Check {
  return (text, mistake) => {
    const usable = entriesOf(text).filter((entry, index) => {
      const [name = "", ...values] = entry.split("=").map((part) => part.trim());
      const shown = mayShowName && values.length > 0 && name ? `"${name}"` : `entry ${index + 1}`;
      const wrong = faultOf(name, values);
      if (wrong) mistake(`${shown} ${wrong}; it is left out`);
      return !wrong;
    });
    return usable.join();
  };
}

/** The SDK accepts no longer names and values. */
const LONGEST = 255;

function faultOf(name: string, values: readonly string[]): string | undefined {
  const [value] = values;
  if (!name || value === undefined) return "is not name=value";
  if (values.length > 1) return 'has an "=" in its value; write %3D';
  try {
    const [longer] = [decodeURIComponent(name), decodeURIComponent(value)].filter(({ length }) => length > LONGEST);
    return longer === undefined ? undefined : `is longer than ${LONGEST} characters`;
  } catch {
    return 'has a "%" that begins no percent-encoding; write %25';
  }
}

function entriesOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter(Boolean);
}

function listed(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

const SAMPLERS = ["always_on", "always_off", "traceidratio"].flatMap((name) => [name, `parentbased_${name}`]);

const OF_EACH_SIGNAL: readonly (readonly [string, Check])[] = [
  ["ENDPOINT", endpoint],
  ["PROTOCOL", oneOf("grpc", "http/protobuf", "http/json")],
  ["HEADERS", pairs(false)],
  ["TIMEOUT", wholeNumber(1)],
  ["COMPRESSION", oneOf("gzip", "none")],
  ["INSECURE", boolean],
  ["CERTIFICATE", file],
  ["CLIENT_CERTIFICATE", file],
  ["CLIENT_KEY", file],
];

const CHECKS: ReadonlyMap<string, Check> = new Map([
  ["OTEL_SDK_DISABLED", boolean],
  ["OTEL_SERVICE_NAME", anything],
  ["OTEL_RESOURCE_ATTRIBUTES", pairs(true)],
  ["OTEL_LOG_LEVEL", oneOf("none", "error", "warn", "info", "debug", "verbose", "all")],
  ["OTEL_PROPAGATORS", listOf("tracecontext", "baggage", "b3", "b3multi", "jaeger", "none")],
  ["OTEL_TRACES_SAMPLER", oneOf(...SAMPLERS)],
  ["OTEL_TRACES_SAMPLER_ARG", ratio],
  ["OTEL_TRACES_EXPORTER", listOf("otlp", "console", "zipkin", "none")],
  ["OTEL_METRICS_EXPORTER", listOf("otlp", "prometheus", "console", "none")],
  ["OTEL_LOGS_EXPORTER", listOf("otlp", "console", "none")],
  ["OTEL_EXPORTER_ZIPKIN_ENDPOINT", httpAddress],
  ["OTEL_EXPORTER_ZIPKIN_TIMEOUT", wholeNumber(1)],
  ["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", oneOf("cumulative", "delta", "lowmemory")],
  ["OTEL_METRIC_EXPORT_INTERVAL", wholeNumber(1)],
  ["OTEL_METRIC_EXPORT_TIMEOUT", wholeNumber(1)],
  ...["SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"].map(
    (name) => [`OTEL_BSP_${name}`, wholeNumber(1)] as const,
  ),
  ...["ATTRIBUTE_COUNT", "ATTRIBUTE_VALUE_LENGTH"].flatMap((name) => [
    [`OTEL_${name}_LIMIT`, wholeNumber(0)] as const,
    [`OTEL_SPAN_${name}_LIMIT`, wholeNumber(0)] as const,
  ]),
  ...["EVENT_COUNT", "LINK_COUNT"].map((name) => [`OTEL_SPAN_${name}_LIMIT`, wholeNumber(0)] as const),
  ...["", "TRACES_", "METRICS_", "LOGS_"].flatMap((signal) =>
    OF_EACH_SIGNAL.map(([name, check]) => [`OTEL_EXPORTER_OTLP_${signal}${name}`, check] as const),
  ),
]);
