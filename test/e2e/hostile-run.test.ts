// Whatever callers and the upstream write, what the process tells its operators holds no device name, no key and
// nothing that was made to look like something else. It tells all it can: its log at `trace`, every span, its audit
// log, its page and its metrics.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CancelTasksByDeviceRequest } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "../support/grpc-caller.js";
import {
  type HttpUpstream,
  startHttpUpstream,
  type UpstreamAnswer,
  type UpstreamCall,
} from "../support/http-upstream.js";
import { type OtlpReceiver, startOtlpReceiver } from "../support/otlp-receiver.js";
import { endPrograms, type GatewayProgram, runGateway } from "../support/processes.js";

const KEY_ID = "LTAI5tTheIdOfTheKey";
const SECRET = "TheSecretOfTheKey42";
const DEVICE = "camera-of-somebody";
const BEARER = "TheTokenOfACaller";
const FORGED = "forged-by-a-caller";
const ESC = "\u001b";

/** What a caller can try to have written as a line of its own, or as a colour of the operator's terminal. */
const FORGERY = `"}\n{"level":"info","msg":"${FORGED}"}\r\n${ESC}[31m${ESC}]0;${FORGED}\u0007\u2028\u0000`;

/** Headers of a caller as HTTP/2 lets them through. */
const CALLERS: readonly Readonly<Record<string, string>>[] = [
  {
    authorization: `Bearer ${BEARER}`,
    cookie: `session=${BEARER}`,
    "x-token-bin": Buffer.from(BEARER).toString("base64"),
  },
  { "x-ota-caller": `a","msg":"${FORGED}`, "user-agent": `${DEVICE} ${FORGED}` },
  { "x-ota-caller": `${FORGED} ${DEVICE}-1` },
  { "x-ota-caller": FORGED.repeat(100) },
  { "x-ota-caller": `${ESC}[31m${FORGED}` },
  { "x-ota-caller": "billing", traceparent: `00-${DEVICE}-${FORGED}-01`, tracestate: `vendor=${FORGED}` },
  { baggage: `customer=${DEVICE}-1,token=${BEARER}`, tracestate: `a=${BEARER}`, traceparent: "00-zz-zz-zz" },
  { [`x-${FORGED}`]: DEVICE, "grpc-timeout": `${FORGED}S` },
];

/** Each is sent by somebody; the strings in them are for nobody's eyes but their caller's. */
const REQUESTS: readonly Partial<CancelTasksByDeviceRequest>[] = [
  {},
  { reason: `because of ${DEVICE}-1, said ${BEARER}` },
  { reason: FORGERY },
  { productKey: FORGERY },
  { firmwareId: `${ESC}[2J${FORGED}` },
  { jobId: `job\n${FORGED}` },
  { iotInstanceId: FORGED.repeat(1000) },
  { account: FORGERY },
  { account: DEVICE },
  { deviceNames: [FORGERY] },
  { deviceNames: [`${DEVICE}-${"x".repeat(100_000)}`] },
  { deviceNames: [`${DEVICE}-1`, `${DEVICE}-1`] },
  { deviceNames: [`${DEVICE}\u001b[31m`, "__proto__", "constructor", `${DEVICE}%0a`] },
  { verify: true, validateOnly: true },
  { validateOnly: true },
];

const WRITTEN_BY_CALLERS = { reason: "", account: "", iotInstanceId: "", productKey: "", firmwareId: "", jobId: "" };

/** How the upstream ends a call, by its firmware: it quotes all that it was sent, wherever it has room for words. */
const ENDINGS: Readonly<Record<string, (quoted: string, call: UpstreamCall) => UpstreamAnswer | undefined>> = {
  good: () => ({}),
  "unknown-device": (quoted) => refusal(200, "iot.device.NotExistedDevice", quoted),
  "bad-signature": (quoted) => refusal(400, "SignatureDoesNotMatch", quoted),
  "bad-key": (quoted) => refusal(404, "InvalidAccessKeyId.NotFound", quoted),
  throttled: (quoted) => (throttles++ === 0 ? refusal(503, "Throttling.User", quoted) : {}),
  broken: (quoted) => refusal(500, "InternalError", `${FORGERY}${quoted}`),
  "quoting-code": (quoted) => refusal(200, `iot.device.${SECRET}`, quoted),
  "quoting-id": () => ({ fields: { Success: true, RequestId: `${SECRET}-${KEY_ID}` } }),
  "not-json": (quoted) => ({ status: 502, fields: { RequestId: "", Message: quoted } }),
  never: () => undefined,
};

let throttles = 0;
let folder: string;
let upstream: HttpUpstream;
let receiver: OtlpReceiver;
let gateway: GatewayProgram;
let audited: Record<string, unknown>[];
/** All that it told its operators, by where. */
const told: Record<string, string> = {};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hostile-"));
  const auditLog = join(folder, "audit.jsonl");
  receiver = await startOtlpReceiver();
  upstream = await startHttpUpstream((call) => {
    const { deviceNames, headers, parameters } = call;
    const quoted = `${deviceNames.join(", ")} ${KEY_ID} ${SECRET} ${headers["authorization"]} http://iot/?DeviceName.1=x`;
    return ENDINGS[parameters.get("FirmwareId") ?? ""]?.(quoted, call);
  });
  gateway = await runGateway(upstream.url, {
    ALIBABA_CLOUD_ACCESS_KEY_ID: KEY_ID,
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: SECRET,
    OTA_LOG_LEVEL: "trace",
    OTA_AUDIT_LOG: auditLog,
    OTA_UPSTREAM_TIMEOUT_MS: "500",
    OTA_QUOTA_CALLS_PER_SECOND: "100",
    OTA_DRAIN_TIMEOUT_MS: "100",
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  });
  await gateway.opened();
  const caller = createCaller(gateway.grpc, { "x-ota-caller": "billing", authorization: `Bearer ${BEARER}` });
  const ask = (request: Partial<CancelTasksByDeviceRequest>, n: number) =>
    caller.cancel([`${DEVICE}-${n}`], { firmwareId: "good", ...request }, 6000).answer.catch(() => {});
  await Promise.all([
    ...REQUESTS.map(ask),
    ...Object.keys(ENDINGS).flatMap((firmwareId) => [1, 2].map((n) => ask({ firmwareId }, n))),
    ...CALLERS.map((headers) => callWith(headers)),
  ]);
  caller.close();
  told["page"] = await firstEvent(`${gateway.admin}/events`);
  for (const path of ["/", "/metrics", "/healthz", "/readyz", "/quota", "/flight", "/flight-record"]) {
    told[path] = await (await fetch(`${gateway.admin}${path}`)).text();
  }
  gateway.kill("SIGTERM");
  expect(await gateway.ended).toBe(0);
  Object.assign(told, { stdout: gateway.stdout, stderr: gateway.stderr, spans: receiver.text });
  const records = readFileSync(auditLog, "utf8").trim().split("\n");
  audited = records.map((line) => JSON.parse(line) as Record<string, unknown>);
  // What callers give for a reason or an id is recorded as it is; all else is the gateway's own word.
  told["audit log"] = audited.map((record) => JSON.stringify({ ...record, ...WRITTEN_BY_CALLERS })).join("\n");
});
afterAll(async () => {
  await endPrograms();
  await upstream.close();
  await receiver.close();
  rmSync(folder, { recursive: true });
});

describe("a gateway whose callers and whose upstream are hostile", () => {
  it("has been asked, has sent, and has told of it: or there would be nothing to find", () => {
    // Calls that read devices name no firmware.
    const firmwareIds = upstream.calls.flatMap(({ parameters }) => parameters.get("FirmwareId") ?? []);
    expect(new Set(firmwareIds)).toEqual(new Set(Object.keys(ENDINGS)));
    expect(told["stderr"]).toContain('"msg":"upstream call"');
    expect(told["page"]).toContain('"accounts"');
    const misnamed = told["stderr"]?.match(/"why":"x-ota-caller is no caller name"/g) ?? [];
    expect(misnamed.length).toBeGreaterThan(2);
    expect(audited).toHaveLength(REQUESTS.length + 2 * Object.keys(ENDINGS).length + misnamed.length);
    expect(receiver.spans.length).toBeGreaterThan(REQUESTS.length + upstream.calls.length);
  });

  it("writes its log in lines of JSON, and nothing else", () => {
    const lines = gateway.stderr.trim().split("\n");
    for (const line of lines) {
      expect(JSON.parse(line)).toMatchObject({
        level: expect.stringMatching(/^(info|warn|error)$/),
        time: expect.stringMatching(/^\d{4}-.*Z$/),
      });
      expect(line).toMatch(/^[^\p{Cc}]*$/u);
      expect(JSON.parse(line).msg).not.toContain(FORGED);
    }
    expect(gateway.stdout.trim().split("\n")).toHaveLength(1);
  });

  it("writes one line of the log and one span for each rpc that reached a handler", () => {
    const rpcs = gateway.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const ids = rpcs.filter(({ msg }) => msg === "rpc").map(({ traceId, spanId }) => `${traceId}-${spanId}`);
    const spans = receiver.spans.filter(({ kind }) => kind === "SERVER");
    expect(ids.sort()).toEqual(spans.map(({ traceId, spanId }) => `${traceId}-${spanId}`).sort());
  });

  it("serves no caller under a name that is not plain", () => {
    const callers = new Set(receiver.spans.flatMap(({ attributes }) => attributes["ota.caller"] ?? []));
    expect([...callers].sort()).toEqual(["", "anonymous", "billing"]);
  });

  it.each(["stdout", "stderr", "spans", "page", "/", "/metrics", "audit log"])(
    "shows no key and no device: %s",
    (where) => {
      const text = told[where] ?? "";
      expect(text).not.toBe("");
      for (const secret of [SECRET, KEY_ID, BEARER, DEVICE, FORGED, "Signature=", ESC]) {
        expect(text).not.toContain(secret);
      }
    },
  );
});

/** An rpc with these headers as they are: grpc-js' client would refuse some. */
function callWith(headers: Readonly<Record<string, string>>): Promise<void> {
  const session = connectHttp2(`http://${gateway.grpc}`);
  return new Promise<void>((resolve, reject) => {
    const path = "/ota.v1.OtaService/CancelTasksByDevice";
    session.on("error", reject);
    const request = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    request.on("error", reject).on("close", resolve).resume();
    request.end(Buffer.from(`00000000${"04"}ffffffff`, "hex")); // and no protobuf
  }).finally(() => session.close());
}

/** What somebody who opens the page is told at once. */
async function firstEvent(url: string): Promise<string> {
  const leaving = new AbortController();
  const { body } = await fetch(url, { signal: leaving.signal });
  let text = "";
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString("utf8");
    if (text.includes("\n\n") && text.includes("data:")) break;
  }
  leaving.abort();
  return text;
}

function refusal(httpStatus: number, code: string, words: string): UpstreamAnswer {
  const text = `What of ${words}`;
  return { status: httpStatus, fields: { Success: false, Code: code, ErrorMessage: text, Message: text } };
}
