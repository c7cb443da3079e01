// Renders a refusal for the wire, in the shape of the POP gateway or of the service. A refusal by
// the service with HTTP 400 has the POP gateway's shape, because the POP gateway writes it.
import type { OpenQuestions } from "../open-questions.js";
import type { EmulatedOperation } from "../operations/operation.js";
import type { EmulatedAnswer } from "./answer.js";
import { PopError, popError, ServiceError } from "./errors.js";

type Refusal = PopError | ServiceError;

/** Converts a thrown value to a refusal. Anything that is not one is a bug of the emulator. */
export function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof PopError || thrown instanceof ServiceError) return thrown;
  process.stderr.write(`emulator: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  return popError("InternalError");
}

/** The refusal with the HTTP status that is documented for the operation, or switched to. */
export function withStatus(refusal: Refusal, operation: EmulatedOperation | undefined, open: OpenQuestions): Refusal {
  if (refusal instanceof PopError || refusal.status !== undefined) return refusal;
  const with400 = open.refusalStatus === "documented" ? operation?.refusesWith400 : open.refusalStatus === "400";
  return with400 ? new PopError(refusal.code, 400, refusal.message) : refusal;
}

/** The answer that carries the refusal of a call to `action` on `host`. */
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
  // It was observed that Recommend is an address; which address is a guess.
  const Recommend = `https://api.aliyun.com/troubleshoot?q=${code}&product=Iot`;
  const fields = { RequestId, HostId: call.host, Code: code, Message: message, Recommend };
  return { status: refusal.status, root: "Error", fields, headers: refusal.headers };
}
