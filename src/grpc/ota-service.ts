// OtaService as it is served: a request is checked, becomes a command, and its answer a response.
import type { Gateway, Request } from "../gateway/gateway.js";
import type {
  CancelTasksByDeviceRequest,
  CancelTasksByDeviceResponse,
  OtaServiceServer,
} from "../gen/ota/v1/ota_service.js";
import { type CallContext, type HandlerOptions, unary } from "./handler.js";
import { commandOf, type RequestLimits } from "./request.js";
import { planResponseOf, responseOf } from "./response.js";

export interface OtaServiceOptions extends HandlerOptions {
  readonly gateway: Gateway;
  readonly limits: RequestLimits;
}

export function createOtaService(options: OtaServiceOptions): OtaServiceServer {
  const { gateway, limits } = options;
  return {
    cancelTasksByDevice: unary("ota.v1.OtaService/CancelTasksByDevice", options, cancelTasksByDevice),
  };

  async function cancelTasksByDevice(
    request: CancelTasksByDeviceRequest,
    context: CallContext,
  ): Promise<CancelTasksByDeviceResponse> {
    const command = commandOf(request, context.caller, context.answerByMs, limits);
    if (request.validateOnly) return planResponseOf(gateway.validate(command), command.deviceNames);
    const admitted: Request = gateway.cancel(command, context.span);
    context.onAbort(admitted.abort);
    return responseOf(await admitted.answer, command.deviceNames);
  }
}
