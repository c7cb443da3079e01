// How a refusal looks on the wire: one shape for the POP gateway's, one for the service's.
import type { Answer } from "./answer.js";
import { GatewayError, gatewayError, ServiceError } from "./errors.js";

/** What was thrown, as a refusal. Anything that is not one is the emulator's own fault. */
export function refusalOf(thrown: unknown): GatewayError | ServiceError {
  if (thrown instanceof GatewayError || thrown instanceof ServiceError) return thrown;
  process.stderr.write(`emulator: ${thrown instanceof Error ? thrown.stack : String(thrown)}\n`);
  return gatewayError("InternalError");
}

/** The answer that tells a refusal of the call to `action` on `host`. */
export function refusalAnswer(
  refusal: GatewayError | ServiceError,
  call: { readonly requestId: string; readonly action: string; readonly host: string },
): Answer {
  const { code, message, status } = refusal;
  const RequestId = call.requestId;
  if (refusal instanceof ServiceError) {
    const fields = { RequestId, Success: false, Code: code, ErrorMessage: message };
    return { status, root: `${call.action}Response`, fields };
  }
  // That there is an address in Recommend was seen; which, is a guess.
  const Recommend = `https://api.aliyun.com/troubleshoot?q=${code}&product=Iot`;
  const fields = { RequestId, HostId: call.host, Code: code, Message: message, Recommend };
  return { status, root: "Error", fields, retryAfterMs: refusal.retryAfterMs };
}
