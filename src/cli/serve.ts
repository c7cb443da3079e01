// The subcommand `serve`: reads flags over variables, prints one line when it is ready, and handles
// signals. The first signal drains, the second ends the process at once.
import { Command } from "commander";
import { nextSignal } from "../base/signals.js";
import { type Config, type Environment, readConfig } from "../config/config.js";
import { sharedQuotas } from "../config/contradictions.js";
import { flagOfSetting, NO_FLAGS, SETTINGS } from "../config/settings.js";
import { unknownSettings } from "../config/unknown-settings.js";
import { OFF } from "../config/values.js";
import { authorityMistakes, trustSystemAuthorities } from "../network/authorities.js";
import { settleTelemetryVariables } from "../observe/telemetry/variables.js";
import { logWarnings } from "../serve/logging/log-lines.js";
import { outliveStandardOutput } from "./standard-streams.js";
import { withoutValue } from "./unknown-flag.js";

/** Settings that are 1 or unset. */
const FLAGS: readonly string[] = ["OTA_INSECURE", "OTA_AUDIT_DEVICE_NAMES", "OTA_AUDIT_STRICT"];

type Flags = Readonly<Record<string, string | true>>;

/**
 * Creates the command. Its flags are the settings without secrets: OTA_UPSTREAM_URL is
 * --upstream-url. It throws CommanderError for others.
 */
export function serveCommand(): Command {
  const command = new Command("serve").description("Run the gateway. Every flag can be given as a variable instead.");
  for (const setting of Object.values(SETTINGS)) {
    const { variable, meaning, default: fallback } = setting;
    if (NO_FLAGS.includes(variable)) continue;
    const isFlag = FLAGS.includes(variable);
    const value = isFlag ? "" : " <value>";
    command.option(
      `--${flagOfSetting(setting)}${value}`,
      `${isFlag ? meaning.replace(/^1 /, "") : meaning} (${variable}${fallback && `, default ${fallback}`})`,
    );
  }
  return command
    .addHelpText(
      "after",
      `\nVariables only, because they may hold secrets: ${NO_FLAGS.join(", ")}.` +
        "\nCredentials: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or the vendor's",
    )
    .addHelpText("after", "default chain. Telemetry: the standard OTEL_* variables. Networks: HTTPS_PROXY, HTTP_PROXY,")
    .addHelpText("after", "NO_PROXY; SSL_CERT_FILE, SSL_CERT_DIR and NODE_EXTRA_CA_CERTS add authorities.")
    .configureOutput({ outputError: (text, write) => write(withoutValue(text)) })
    .exitOverride()
    .action((flags: Flags) => run(variablesOf(flags)));
}

async function run(flags: Environment): Promise<void> {
  const telemetryMistakes = settleTelemetryVariables(process.env);
  const environment = { ...process.env, ...flags };
  const config = readConfig(environment);
  // With DEBUG set, the vendor's credentials library prints whole answers, and the Redis client its
  // password.
  delete process.env["DEBUG"];
  outliveStandardOutput();
  // Set from the start, because process 1 of a container loses a signal without a listener.
  const signal = nextSignal();
  let asked = 0;
  let reload = () => {
    asked++; // the start may have read the files already
  };
  process.on("SIGHUP", () => reload());
  const { createLog } = await import("../serve/logging/create-log.js");
  const log = createLog(config.logLevel);
  logWarnings(log);
  const { logSdk } = await import("../observe/telemetry/sdk-log.js");
  logSdk(environment, log);
  if (callsByTls(config, environment)) trustSystemAuthorities();
  // Before anything else is loaded, so that every tracer finds the SDK.
  const { startTelemetry } = await import("../observe/telemetry/sdk.js");
  const telemetry = startTelemetry(environment);
  const { serve } = await import("../serve/serve.js");

  for (const mistake of [...telemetryMistakes, ...authorityMistakes(environment)]) log.warn({}, mistake);
  const exporters = `${environment["OTEL_TRACES_EXPORTER"]},${environment["OTEL_METRICS_EXPORTER"]}`;
  if (config.auditLog === "-" && exporters.split(",").includes("console"))
    log.warn({}, "OTEL_*_EXPORTER=console writes between the lines of OTA_AUDIT_LOG=-; give the audit log a file");
  for (const warning of [...unknownSettings(environment), ...sharedQuotas(config.accounts)]) log.warn({}, warning);
  if (environment["DEBUG"]) log.warn({}, "DEBUG is ignored: libraries would print keys");
  if (config.insecure && !config.tlsCert)
    log.warn({}, "OTA_INSECURE is set: requests and answers travel in plain text");
  const starting = serve(config, log, environment, telemetry.readMetrics);
  const early = await Promise.race([starting.then(() => undefined), signal]);
  if (early) process.exit(0); // nothing has been admitted yet
  const serving = await starting;
  const admin = serving.admin === undefined ? OFF : `http://${serving.admin}`;
  process.stdout.write(`ota-gateway ready: grpc ${serving.grpc}, admin ${admin}\n`);

  reload = () => serving.reload();
  if (asked > 0) reload();
  const first = await signal;
  // Set before the log line invites a second signal; without a listener, it would end the process
  // by itself.
  void nextSignal().then(() => process.exit(1));
  log.info({ signal: first }, "draining; a second signal ends at once");
  await serving.stop();
  await telemetry.end();
  process.exit(0); // even if a library still holds something open
}

/** Whether any server is called by TLS: loading the authorities takes a tenth of a second. */
function callsByTls({ accounts, jwtKeys, redisUrls }: Config, environment: Environment): boolean {
  const urls = [...[...accounts.values()].map(({ url }) => url), ...redisUrls];
  if (jwtKeys?.kind === "url") urls.push(jwtKeys.url);
  const addresses = Object.entries(environment).filter(([name]) => /^OTEL_EXPORTER_OTLP_|^https?_proxy$/i.test(name));
  return (
    urls.some(({ protocol }) => /^(https|rediss)\b/.test(protocol)) ||
    addresses.some(([, text]) => /^https:/i.test(text ?? ""))
  );
}

/** Commander names a flag's value in camel case. */
function variablesOf(flags: Flags): Environment {
  const camelCase = (flag: string) => flag.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const entries = Object.values(SETTINGS).map(
    (setting) => [setting.variable, flags[camelCase(flagOfSetting(setting))]] as const,
  );
  return Object.fromEntries(entries.flatMap(([name, value]) => (value ? [[name, value === true ? "1" : value]] : [])));
}
