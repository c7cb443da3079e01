// How a refusal looks on the wire: one shape for the POP gateway's, one for the service's. A refusal by the
// service that is registered under HTTP 400 comes in the POP gateway's shape, for that is who writes it.
import type { OpenQuestions } from "./open-questions.js";
import type { EmulatedOperation } from "./operations/operation.js";
import type { EmulatedAnswer } from "./protocol/answer.js";
import { PopError, popError, ServiceError } from "./protocol/errors.js";

type Refusal = PopError | ServiceError;

/** What was thrown, as a refusal. Anything that is not one is the emulator's own fault. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof PopError || thrown instanceof ServiceError) return thrown;
  process.stderr.write(`emulator: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  return popError("InternalError");
}

/** The refusal under the HTTP status that is documented for the operation, or switched to. */
export function withStatus(refusal: Refusal, operation: EmulatedOperation | undefined, open: OpenQuestions): Refusal {
  if (refusal instanceof PopError || refusal.status !== undefined) return refusal;
  const with400 = open.refusalStatus === "documented" ? operation?.refusesWith400 : open.refusalStatus === "400";
  return with400 ? new PopError(refusal.code, 400, refusal.message) : refusal;
}

/** The answer that tells a refusal of the call to `action` on `host`. */
export function refusalAnswer(
  refusal: Refusal,
  call: { readonly requestId: string; readonly action: string; readonly host: string },
): EmulatedAnswer {
  const { code, message } = refusal;
  const RequestId = call.requestId;
  if (refusal instanceof ServiceError) {
    const fields = { RequestId, Success: false, Code: code, ErrorMessage: message, ...refusal.fields };
    return { status: refusal.status ?? 200, root: `${call.action}Response`, fields };
  }
  // That there is an address in Recommend was seen; which, is a guess.
  const Recommend = `https://api.aliyun.com/troubleshoot?q=${code}&product=Iot`;
  const fields = { RequestId, HostId: call.host, Code: code, Message: message, Recommend };
  return { status: refusal.status, root: "Error", fields, headers: refusal.headers };
}
