// Turns one HTTP answer into how the call ended. Pure, and suspicious: only a body with a RequestId
// comes from the upstream (any proxy on the way can answer 502), and only `Success` decides,
// because codes are sent with successes too, and refusals with HTTP 200.
import type { CallEnd, Refusal } from "../gateway/upstream.js";
import { isRequestWide, meaningOf, type Recovery } from "./codes.js";
import { type Fields, readFields } from "./fields.js";
import { redactSecrets, word } from "./redaction.js";

/** A complete HTTP answer, with its body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** How the call ended, and how the gateway may recover if the fault is its own. */
export interface AnswerReading {
  readonly end: CallEnd;
  readonly recovery: Recovery;
}

/**
 * The longest wait that the upstream can impose, so that a wrong header cannot stop an account for
 * hours.
 */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * Reads an answer. `secrets` are what the request was signed with; they must not appear in any
 * text.
 */
export function readAnswer(answer: HttpAnswer, secrets: readonly string[] = []): AnswerReading {
  const fields = readFields(answer.body);
  const requestId = word(fields.get("requestid") ?? "", secrets);
  if (requestId === "") return lost(`The answer had no RequestId (HTTP ${answer.status}).`);

  const success = fields.get("success")?.toLowerCase();
  const code = word(fields.get("code") ?? "", secrets);
  if (answer.status < 400) {
    if (success === "true") return { end: { kind: "accepted", requestId }, recovery: "none" };
    // Neither success nor failure. Calling it either one would be a guess.
    if (success !== "false" && code === "") return lost("The answer said neither success nor failure.");
  }
  return refused(answer, fields, requestId, code, secrets);
}

function refused(
  answer: HttpAnswer,
  fields: Fields,
  requestId: string,
  code: string,
  secrets: readonly string[],
): AnswerReading {
  const retryAfterMs = readRetryAfterMs(answer.headers);
  const message = fields.get("errormessage") ?? fields.get("message") ?? "";
  const meaning = meaningOf(code, answer.status, retryAfterMs !== undefined, message);
  const refusal: Refusal = {
    code,
    message: redactSecrets(message, code, secrets),
    reaction: meaning.kind === "internal" ? { kind: "internal", recovered: false } : meaning,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(isRequestWide(code) && { requestWide: true }),
  };
  return {
    end: { kind: "refused", requestId, refusal },
    recovery: meaning.kind === "internal" ? meaning.recovery : "none",
  };
}

function lost(message: string): AnswerReading {
  return { end: { kind: "lost", message }, recovery: "none" };
}

/**
 * Reads `x-acs-retry-after`, in ms, or its predecessor:
 * `Limit:1,Remain:0,TimeLeft:2000,Reset:1234`.
 */
function readRetryAfterMs(headers: HttpAnswer["headers"]): number | undefined {
  const legacy = [headers["x-ratelimit-user-api"], headers["x-ratelimit-user"]]
    .map((header) => /\bRemain:0\b.*?\bTimeLeft:(\d+)/i.exec(String(header))?.[1])
    .find((timeLeft) => timeLeft !== undefined);
  for (const header of [headers["x-acs-retry-after"], legacy]) {
    const ms = Number(header);
    if (ms > 0) return Math.min(ms, LONGEST_RETRY_AFTER_MS);
  }
  return undefined;
}
