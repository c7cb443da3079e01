// Creates the exporter of spans to Zipkin, with a limit on the time of each export. The SDK's has
// none: a server that takes its requests and never answers would hold one more batch of spans every
// half minute, and one whose answer never ends would hold that. docs/maintaining.md lists the
// private method.
import { ZipkinExporter } from "@opentelemetry/exporter-zipkin";

type Variables = Readonly<Record<string, string | undefined>>;
type Done = Parameters<ZipkinExporter["export"]>[1];

/** The version that the tests have passed on. */
const TESTED = "2.12.0";

const SERVER = "http://localhost:9411/api/v2/spans";
const TIMEOUT_MS = 10_000;

/** As the SDK's ExportResultCode has them. */
const SUCCESS = 0;
const FAILED = 1;

/** Throws if the SDK's exporter is one that cannot be bounded. */
export function createZipkinExporter(environment: Variables, Exporter = ZipkinExporter): ZipkinExporter {
  const url = environment["OTEL_EXPORTER_ZIPKIN_ENDPOINT"] || SERVER;
  const timeoutMs = Number(environment["OTEL_EXPORTER_ZIPKIN_TIMEOUT"]) || TIMEOUT_MS;
  const exporter = new Exporter({ url });
  if (!("_send" in exporter)) {
    throw new Error(
      "@opentelemetry/exporter-zipkin has no ZipkinExporter._send, which the gateway needs to bound its exports; it " +
        `was tested with ${TESTED}: use that version, or see docs/maintaining.md`,
    );
  }
  const send = (spans: readonly object[], done: Done) => {
    post(url, spans, timeoutMs).then(
      () => done({ code: SUCCESS }),
      (error: Error) => done({ code: FAILED, error }),
    );
  };
  return Object.assign(exporter, { _send: send });
}

async function post(url: string, spans: readonly object[], timeoutMs: number): Promise<void> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    method: "POST",
    headers,
    body: JSON.stringify(spans),
    redirect: "manual",
    signal,
  });
  await response.body?.cancel();
  if (response.status >= 400) throw new Error(`Zipkin answered with HTTP ${response.status}`);
}
