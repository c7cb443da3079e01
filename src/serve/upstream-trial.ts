// Finds out by harmless calls whether the upstream answers and accepts an account's keys: at the
// start, and again while nothing else shows it. The call reads the state of a device that cannot
// exist, with a token of that operation. Every answer except a refusal of the keys is enough, also
// that reading is not permitted.
import { sleepUntil } from "../base/clock.js";
import type { Log } from "../base/log.js";
import { CallReport, endedCallOf, type ReportOptions } from "../gateway/call/call-report.js";
import { tokenEnd } from "../gateway/call/consequence.js";
import type { EndedCall } from "../gateway/call-observer.js";
import type { Scope } from "../gateway/command.js";
import type { DeviceReader } from "../gateway/device-reader.js";
import type { Limiter } from "../gateway/limiter.js";
import { inContext } from "../tracing/spans.js";

export interface TrialOptions extends ReportOptions {
  /** Of the reading operation. */
  readonly limiter: Limiter;
  readonly reader: DeviceReader;
  /** The upstream's host, for the log. */
  readonly endpoint: string;
  /** Whether it is worth a call now. */
  readonly isDue: () => boolean;
  readonly tried: (end: EndedCall) => void;
}

/** How long after a call it is made again, if it is due. */
const AGAIN_MS = 5000;

/** Has the form of a product key, so that the upstream examines it last. */
const NO_PRODUCT = "a1OtaGateway";
const NO_DEVICE = "ota-gateway-no-device";
const SCOPE: Scope = { productKey: NO_PRODUCT, firmwareId: "", jobId: "", iotInstanceId: "" };

/** Instead of a line for each call: every five seconds, there would be many for one cause. */
const NO_LOG: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Tries until the returned function is called, which waits for a call under way. */
export function keepTrying(options: TrialOptions): () => Promise<void> {
  const closing = new AbortController();
  const running = run(options, closing.signal);
  return async () => {
    closing.abort(new Error("the account is closed"));
    await running;
  };
}

async function run(options: TrialOptions, signal: AbortSignal): Promise<void> {
  const { clock, isDue, log, account } = options;
  let said = "";
  while (!signal.aborted) {
    if (isDue()) {
      try {
        said = report(options, await trial(options, signal), said);
      } catch (error) {
        if (!signal.aborted) log.error({ err: error, account }, "could not take a token");
      }
    }
    await sleepUntil(clock, clock.now() + AGAIN_MS, signal).catch(() => {});
  }
}

/** Undefined if the token was too old to be used. */
async function trial(options: TrialOptions, signal: AbortSignal): Promise<EndedCall | undefined> {
  const { clock, limiter, reader, tried } = options;
  const token = await limiter.take({ priority: "bulk", newcomer: false }, signal);
  const sentMs = clock.now();
  if (!token.send()) return undefined;
  const call = { ...SCOPE, devices: 1, devicesByCaller: new Map<string, number>(), attempt: 1, tokenWaitMs: 0 };
  const sent = { ...call, sentMs, sentWallMs: clock.wallNow() };
  const reported = new CallReport({ ...options, log: NO_LOG }, sent, []);
  const end = await inContext(reported.context, () => reader.read(SCOPE, [NO_DEVICE], sentMs));
  const endedMs = clock.now();
  token.settle(tokenEnd(end, 1));
  reported.end(end, endedMs);
  const ended = endedCallOf(end, endedMs, endedMs - sentMs);
  tried(ended);
  return ended;
}

/** Writes one line if the result is new, and returns it. */
function report({ account, log, operation, endpoint }: TrialOptions, end: EndedCall | undefined, said: string): string {
  if (!end) return said;
  const { kind, ours, code = "", cause, reaction } = end;
  const result = `${kind} ${code} ${cause}`;
  if (result === said) return said;
  const fields = { account, endpoint, operation, ...(code && { code }), ...(cause && { cause }) };
  const isForbidden = reaction?.kind === "rejected" && reaction.rejection === "forbidden";
  if (ours) {
    log.error(
      fields,
      "the upstream does not accept the keys, clock or signature of this account; nothing can be canceled",
    );
  } else if (kind === "lost" || kind === "unwritten" || reaction?.kind === "unavailable") {
    const isUnknown = /ENOTFOUND/.test(cause ?? "");
    if (isUnknown) log.error(fields, "the upstream's host name does not exist: is the endpoint spelled right?");
    else log.warn(fields, "the upstream does not answer; nothing can be canceled until it does");
  } else if (isForbidden) {
    const permission = `iot:${operation}`;
    log.warn({ ...fields, permission }, "the upstream accepts the keys, but they may not read devices");
  } else {
    log.info({ account, endpoint, operation }, "the upstream answers, and accepts the keys of this account");
  }
  return result;
}
