// The methods of OtaService: a request is checked and becomes a command, and the gateway's answer
// becomes a response.
import type { Plan } from "../../gateway/admission/admission.js";
import { type Command, DEFAULT_ACCOUNT } from "../../gateway/command.js";
import type { Gateway } from "../../gateway/gateway.js";
import {
  CancelTasksByDeviceRequest,
  type GetQuotaRequest,
  type GetQuotaResponse,
  type GetRolloutRequest,
  type OtaServiceServer,
  priorityToJSON,
  type Rollout,
} from "../../gen/ota/v1/ota_service.js";
import type { CallerBook } from "../../identity/caller-book.js";
import type { AuditEntry, Auditor } from "../../observe/audit/auditor.js";
import type { RolloutReader } from "../../rollout/rollout-reader.js";
import { checkAccount, checkReading, checkRights, rightsOf, turnedAway } from "../rpc/access.js";
import { openRpc, unary } from "../rpc/handler.js";
import type { Rpc, RpcContext, RpcOptions } from "../rpc/rpc.js";
import { type DuplexCall, RequestStream, type StreamedRequest } from "./cancel-stream.js";
import type { OperationsService } from "./operations-service.js";
import { quotaResponseOf } from "./quota.js";
import { accountOf, commandOf, type RequestLimits, rolloutQuestionOf, touchedBy } from "./request.js";
import { checkResponseOf, planResponseOf, responseOf } from "./response.js";
import { rolloutOf } from "./rollout.js";

export interface OtaServiceOptions extends RpcOptions {
  /** By account. */
  readonly gateways: ReadonlyMap<string, Gateway>;
  /** By account. */
  readonly rollouts: ReadonlyMap<string, RolloutReader>;
  /** The most devices in one request. */
  readonly maxDevices: number;
  /** The rights of each caller. */
  readonly callers: CallerBook;
  /** The methods about operations. */
  readonly ofOperations: OperationsService["ofOtaService"];
  /** Keeps the audit log, if there is one. */
  readonly auditor?: Auditor | undefined;
}

const STREAM_METHOD = "ota.v1.OtaService/StreamCancelTasksByDevice";

/** Stands for the request of a stranger that sent none, in the audit log. */
const NOTHING = CancelTasksByDeviceRequest.fromPartial({});

export interface OtaService {
  readonly implementation: OtaServiceServer;
  /** Reads nothing more from open streams, and ends each when what was read has been answered. */
  drain(): void;
  /** Callers with a stream that has not been read to its end. */
  streamingCallers(): ReadonlySet<string>;
}

export function createOtaService(options: OtaServiceOptions): OtaService {
  const { gateways, maxDevices, clock, auditor, callers } = options;
  const limits: RequestLimits = { maxDevices, accounts: new Set(gateways.keys()) };
  const all = [...gateways.values()];
  const streams = new Set<RequestStream>();
  const streamOptions = { ...options, defaultDeadlineMs: Infinity }; // without a deadline of its own, a stream has none
  const implementation: OtaServiceServer = {
    cancelTasksByDevice: unary("ota.v1.OtaService/CancelTasksByDevice", options, cancel, (request, context, error) => {
      begin("CancelTasksByDevice", request ?? NOTHING, context)?.refused(error);
    }),
    streamCancelTasksByDevice: (call) => openRpc(STREAM_METHOD, call, streamOptions, (rpc) => openStream(call, rpc)),
    getQuota: unary("ota.v1.OtaService/GetQuota", options, getQuota),
    getRollout: unary("ota.v1.OtaService/GetRollout", options, getRollout),
    ...options.ofOperations,
  };
  return {
    implementation,
    drain: () => {
      for (const stream of streams) stream.drain();
    },
    streamingCallers: () => new Set([...streams].filter(({ isReadToEnd }) => !isReadToEnd).map(({ caller }) => caller)),
  };

  function cancel(request: CancelTasksByDeviceRequest, context: RpcContext) {
    const entry = begin("CancelTasksByDevice", request, context);
    try {
      const { response, abort } = ask(request, context, entry);
      context.onAbort(abort);
      return response;
    } catch (error) {
      entry?.refused(error);
      throw error;
    }
  }

  function begin(rpc: string, request: CancelTasksByDeviceRequest, context: RpcContext, sequence?: bigint) {
    return auditor?.begin(
      { ...request, account: request.account || DEFAULT_ACCOUNT },
      {
        caller: context.caller,
        ...(context.stranger && { stranger: context.stranger }),
        rpc,
        priority: priorityToJSON(request.priority),
        span: context.span.spanContext(),
        ...(sequence !== undefined && { sequence }),
      },
    );
  }

  /** A refusal is for the caller to record: a stream asks again while the queue is full. */
  function ask(request: CancelTasksByDeviceRequest, context: RpcContext, entry?: AuditEntry): StreamedRequest {
    checkRights(callers, context.caller, touchedBy(request));
    const command = commandOf(request, context.caller, context.answerByMs, limits);
    const gateway = gatewayOf(command.account);
    context.asked({ account: command.account, ...command.scope }, command.deviceNames.length);
    if (request.validateOnly) {
      const plan = gateway.validate(command);
      entry?.validated();
      return request.checkDevices ? check(gateway, command, plan, context) : planned(plan, command);
    }
    const { answer, told, abort, withdraw } = gateway.cancel(command, context.span);
    if (entry) {
      void answer.then(
        (all) => entry.answered(all),
        async (error: unknown) => entry.answered(await told, error),
      );
    }
    return {
      response: answer.then(
        (all) => {
          context.told(all.outcomes);
          return responseOf(all, command.deviceNames);
        },
        async (error: unknown) => {
          context.told((await told).outcomes);
          throw error;
        },
      ),
      failedResponse: async () => responseOf(await told, command.deviceNames),
      obstacle: () => gateway.monitor.condition().obstacle,
      abort,
      withdraw,
    };
  }

  function planned(plan: Plan, { deviceNames }: Command): StreamedRequest {
    return { response: Promise.resolve(planResponseOf(plan, deviceNames)), abort: () => {}, withdraw: () => {} };
  }

  function check(gateway: Gateway, command: Command, plan: Plan, { span }: RpcContext): StreamedRequest {
    const { devices, abort } = gateway.check(command, span);
    const response = devices.then((checked) => checkResponseOf(plan, command.deviceNames, checked));
    return { response, abort, withdraw: abort };
  }

  function openStream(call: DuplexCall, rpc: Rpc): void {
    try {
      if (rpc.stranger) throw turnedAway(rpc.stranger);
      rightsOf(callers, rpc.caller);
    } catch (error) {
      begin("StreamCancelTasksByDevice", NOTHING, rpc)?.refused(error);
      const wire = rpc.fail(error);
      call.emit("error", wire);
      rpc.finish(wire.code);
      return;
    }
    void serveStream(call, rpc);
  }

  async function serveStream(call: DuplexCall, rpc: Rpc): Promise<void> {
    const stream = new RequestStream(call, rpc, {
      clock,
      begin: (request, sequence) => begin("StreamCancelTasksByDevice", request, rpc, sequence),
      ask: (request, entry) => ask(request, rpc, entry),
      remainingMs: () => Math.max(...all.map((gateway) => gateway.monitor.remainingMs(rpc.caller))),
      draining: () => (all[0] as Gateway).draining(),
    });
    streams.add(stream);
    await stream.serve();
    streams.delete(stream);
  }

  function getQuota(request: GetQuotaRequest, { caller }: RpcContext): GetQuotaResponse {
    checkAccount(callers, caller, request.account || DEFAULT_ACCOUNT);
    const account = accountOf(request, limits);
    return quotaResponseOf(account, gatewayOf(account).monitor.state());
  }

  async function getRollout(request: GetRolloutRequest, context: RpcContext): Promise<Rollout> {
    const { caller, span, answerByMs } = context;
    checkReading(callers, caller, { account: request.account || DEFAULT_ACCOUNT, productKey: request.productKey });
    const { account, question } = rolloutQuestionOf(request, limits);
    const reader = options.rollouts.get(account);
    if (!reader) throw new Error("an account that is not configured has passed the checks");
    const left = new AbortController();
    context.onAbort(() => left.abort());
    return rolloutOf(await reader.read(question, { caller, span }, answerByMs, left.signal));
  }

  /** The account has been checked. */
  function gatewayOf(account: string): Gateway {
    const gateway = gateways.get(account);
    if (!gateway) throw new Error("an account that is not configured has passed the checks");
    return gateway;
  }
}
