// OtaService as it is served: a request is checked, becomes a command, and its answer a response.
import type { AuditEntry, Auditor } from "../audit/auditor.js";
import { DEFAULT_ACCOUNT } from "../gateway/command.js";
import type { Gateway } from "../gateway/gateway.js";
import {
  type CancelTasksByDeviceRequest,
  type GetQuotaRequest,
  type GetQuotaResponse,
  type OtaServiceServer,
  priorityToJSON,
} from "../gen/ota/v1/ota_service.js";
import { type CallContext, enter, type HandlerOptions, openCall, unary } from "./handler.js";
import { quotaResponseOf } from "./quota.js";
import { accountOf, commandOf, type RequestLimits } from "./request.js";
import { planResponseOf, responseOf } from "./response.js";
import { type Asked, type DuplexCall, RequestStream } from "./stream.js";

export interface OtaServiceOptions extends HandlerOptions {
  /** By account. */
  readonly gateways: ReadonlyMap<string, Gateway>;
  /** In one request. */
  readonly maxDevices: number;
  /** Who keeps the audit log, if there is one. */
  readonly auditor?: Auditor | undefined;
}

export interface OtaService {
  readonly implementation: OtaServiceServer;
  /** Reads nothing more from open streams, and ends each when what was read has been answered. */
  drain(): void;
}

export function createOtaService(options: OtaServiceOptions): OtaService {
  const { gateways, maxDevices, clock, auditor } = options;
  const limits: RequestLimits = { maxDevices, accounts: new Set(gateways.keys()) };
  const all = [...gateways.values()];
  const streams = new Set<RequestStream>();
  const implementation: OtaServiceServer = {
    cancelTasksByDevice: unary("ota.v1.OtaService/CancelTasksByDevice", options, (request, context) => {
      const entry = begin("CancelTasksByDevice", request, context);
      try {
        const { response, abort } = ask(request, context, entry);
        context.onAbort(abort);
        return response;
      } catch (error) {
        entry?.refused(error);
        throw error;
      }
    }),
    streamCancelTasksByDevice: (call) => void serveStream(call),
    getQuota: unary("ota.v1.OtaService/GetQuota", options, getQuota),
  };
  return {
    implementation,
    drain: () => {
      for (const stream of streams) stream.drain();
    },
  };

  function begin(rpc: string, request: CancelTasksByDeviceRequest, context: CallContext, sequence?: bigint) {
    return auditor?.begin(
      { ...request, account: request.account || DEFAULT_ACCOUNT },
      {
        caller: context.caller,
        rpc,
        priority: priorityToJSON(request.priority),
        span: context.span.spanContext(),
        ...(sequence !== undefined && { sequence }),
      },
    );
  }

  /** Who is not let in is for the caller to record: a stream asks again while the queue is full. */
  function ask(request: CancelTasksByDeviceRequest, context: CallContext, entry?: AuditEntry): Asked {
    const command = commandOf(request, context.caller, context.answerByMs, limits);
    const gateway = gatewayOf(command.account);
    if (request.validateOnly) {
      const plan = planResponseOf(gateway.validate(command), command.deviceNames);
      entry?.validated();
      return { response: Promise.resolve(plan), abort: () => {} };
    }
    const { answer, told, abort } = gateway.cancel(command, context.span);
    if (entry) {
      void answer.then(
        (all) => entry.answered(all),
        async (error: unknown) => entry.answered(await told, error),
      );
    }
    return {
      response: answer.then((all) => responseOf(all, command.deviceNames)),
      failedResponse: async () => responseOf(await told, command.deviceNames),
      abort,
    };
  }

  async function serveStream(call: DuplexCall): Promise<void> {
    // Without a deadline of its own a stream has none.
    const method = "ota.v1.OtaService/StreamCancelTasksByDevice";
    const visit = enter(method, call, options, (error) => void call.emit("error", error));
    if (!visit) return;
    const open = openCall(method, call, visit, { ...options, defaultDeadlineMs: Infinity });
    const { context } = open;
    const stream = new RequestStream(call, open, {
      clock,
      begin: (request, sequence) => begin("StreamCancelTasksByDevice", request, context, sequence),
      ask: (request, entry) => ask(request, context, entry),
      remainingMs: () => Math.max(...all.map((gateway) => gateway.remainingMs(context.caller))),
      draining: () => (all[0] as Gateway).draining(),
      pass: (run) => visit.pass(run),
    });
    streams.add(stream);
    await stream.serve();
    streams.delete(stream);
  }

  function getQuota(request: GetQuotaRequest): GetQuotaResponse {
    const account = accountOf(request, limits);
    return quotaResponseOf(account, gatewayOf(account).state());
  }

  /** Of an account that has been checked. */
  function gatewayOf(account: string): Gateway {
    const gateway = gateways.get(account);
    if (!gateway) throw new Error("an account that is not configured has passed the checks");
    return gateway;
  }
}
