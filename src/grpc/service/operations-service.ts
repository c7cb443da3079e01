// google.longrunning.Operations, and the results of operations. A caller sees its own operations;
// with `manage` or `all` those of every caller. Others do not exist for it.
import { DEFAULT_ACCOUNT } from "../../gateway/command.js";
import { GatewayError, invalid } from "../../gateway/failures.js";
import type {
  CancelOperationRequest,
  DeleteOperationRequest,
  GetOperationRequest,
  ListOperationsRequest,
  ListOperationsResponse,
  Operation,
  OperationsServer,
  WaitOperationRequest,
} from "../../gen/google/longrunning/operations.js";
import type { Empty } from "../../gen/google/protobuf/empty.js";
import type {
  CancelSpec,
  ListOperationResultsRequest,
  OtaServiceServer,
  StopRolloutRequest,
} from "../../gen/ota/v1/ota_service.js";
import type { CallerBook } from "../../identity/caller-book.js";
import { isOperationId } from "../../operations/operation-id.js";
import type { Operations } from "../../operations/operations.js";
import type { OperationRecord } from "../../operations/store.js";
import { checkRights, rightsOf, turnedAway } from "../rpc/access.js";
import { openRpc, unary } from "../rpc/handler.js";
import type { RpcContext, RpcOptions } from "../rpc/rpc.js";
import { durationMs } from "../wire/details.js";
import { NAME_PREFIX, operationMessageOf } from "./operation-message.js";
import { resultsPageOf } from "./operation-results.js";
import { operationsPageOf } from "./operations-page.js";
import { isListPosition, pageSizeOf, pageTokenOf, positionIn } from "./page-token.js";
import { listSpecOf, touchedBy } from "./request.js";
import { beforeDeadline, ORDER_UNANSWERED } from "./silent-store.js";
import { stopSpecOf, touchedByStop } from "./stop-request.js";
import { SubmitStream } from "./submit-stream.js";

export interface OperationsServiceOptions extends RpcOptions {
  /** Undefined if replicas share nothing but the quota: then nothing is kept. */
  readonly operations?: Operations | undefined;
  readonly callers: CallerBook;
  readonly accounts: ReadonlySet<string>;
  readonly audit?: OperationAudit | undefined;
}

/** Reports events of operations to the audit log. */
export interface OperationAudit {
  submitted(record: OperationRecord, context: RpcContext): void;
  refused(error: unknown, spec: CancelSpec | undefined, context: RpcContext): void;
  rolloutRefused(error: unknown, request: StopRolloutRequest | undefined, context: RpcContext): void;
  /** It was asked to stop; `error`: it may have been, or not. */
  stopped(record: OperationRecord, context: RpcContext, error?: unknown): void;
}

export interface OperationsService {
  readonly operations: OperationsServer;
  readonly ofOtaService: Pick<OtaServiceServer, "submitCancelTasksByDevice" | "stopRollout" | "listOperationResults">;
}

const SUBMIT = "ota.v1.OtaService/SubmitCancelTasksByDevice";
const SERVICE = "google.longrunning.Operations";

const LONGEST_WAIT_MS = 60_000;
/** A wait ends this long before its deadline, to read the latest state. */
const READING_MS = 100;
const USUAL_LIST = 100;
const LONGEST_LIST = 1000;

const NOT_FOUND = new GatewayError({ kind: "operation-not-found", message: "there is no such operation" });
const RUNNING = new GatewayError({
  kind: "operation-running",
  message: "the operation has not ended; stop it with CancelOperation first",
});
const NOT_SHARED = new GatewayError({
  kind: "state-not-shared",
  message:
    "this gateway is one of several replicas, and OTA_STATE names no store that they share; " +
    "cancel by device, or have a PostgreSQL named there",
});
const NO_RIGHT = new GatewayError({ kind: "forbidden", message: "this caller has no right to this operation" });

type Access = "see" | "stop" | "read" | "delete";

export function createOperationsService(options: OperationsServiceOptions): OperationsService {
  const { callers, clock, accounts, audit } = options;
  const limits = { maxDevices: Number.MAX_SAFE_INTEGER, accounts };
  const method = <Request, Response>(
    name: string,
    handle: (request: Request, context: RpcContext) => Promise<Response>,
    late?: GatewayError,
    refused?: Parameters<typeof unary<Request, Response>>[3],
  ) => {
    const inTime = (request: Request, context: RpcContext) =>
      beforeDeadline(clock, context.answerByMs, handle(request, context), late);
    return unary(name, options, inTime, refused);
  };
  return {
    operations: {
      getOperation: method(`${SERVICE}/GetOperation`, get),
      listOperations: method(`${SERVICE}/ListOperations`, list),
      waitOperation: method(`${SERVICE}/WaitOperation`, wait),
      cancelOperation: method(`${SERVICE}/CancelOperation`, cancel),
      deleteOperation: method(`${SERVICE}/DeleteOperation`, remove),
    },
    ofOtaService: {
      submitCancelTasksByDevice: (call, callback) =>
        openRpc(SUBMIT, call, { ...options, defaultDeadlineMs: Infinity }, (rpc) => {
          const stream = new SubmitStream(call, rpc, callback, {
            clock,
            begin: async (spec) => {
              checkRights(callers, rpc.caller, touchedBy(spec));
              return shared().submit(rpc.caller, listSpecOf(spec, limits));
            },
            published: (record) => {
              shared().published();
              audit?.submitted(record, rpc);
            },
            refused: (error, spec) => audit?.refused(error, spec, rpc),
            durable: () => shared().durable,
          });
          try {
            if (rpc.stranger) throw turnedAway(rpc.stranger);
            rightsOf(callers, rpc.caller);
            stream.serve();
          } catch (error) {
            stream.refuse(error);
          }
        }),
      stopRollout: method("ota.v1.OtaService/StopRollout", stopRollout, ORDER_UNANSWERED, (request, context, error) =>
        audit?.rolloutRefused(error, request, context),
      ),
      listOperationResults: method("ota.v1.OtaService/ListOperationResults", results),
    },
  };

  /** Throws GatewayError where nothing is kept. */
  function shared(): Operations {
    if (!options.operations) throw NOT_SHARED;
    return options.operations;
  }

  async function get({ name }: GetOperationRequest, { caller }: RpcContext): Promise<Operation> {
    return wire(await visible(name, caller, "see"));
  }

  async function list(request: ListOperationsRequest, { caller }: RpcContext): Promise<ListOperationsResponse> {
    const right = rightsOf(callers, caller).operations ?? "own";
    const { name, filter, pageToken } = request;
    if (name !== "" && name !== "operations") throw invalid("name", 'must be empty or "operations"');
    const [, done] = /^\s*done\s*=\s*(true|false)\s*$/.exec(filter) ?? [];
    if (filter.trim() !== "" && !done) throw invalid("filter", 'must be empty, "done=true" or "done=false"');
    const most = pageSizeOf(request.pageSize, USUAL_LIST, LONGEST_LIST);
    const of = ["operations", done ?? ""];
    const after = positionIn(pageToken, of, isListPosition);
    const records = await shared().list({
      ...(right === "own" && { caller }),
      ...(done !== undefined && { done: done === "true" }),
      ...(after && { after }),
      most: most + 1,
    });
    const operations = operationsPageOf(records.slice(0, most), shared().durable);
    const last = operations.length < records.length ? records[operations.length - 1] : undefined;
    return {
      operations,
      nextPageToken: last ? pageTokenOf(of, { createMs: last.createMs, id: last.id }) : "",
      unreachable: [],
    };
  }

  async function wait({ name, timeout }: WaitOperationRequest, context: RpcContext): Promise<Operation> {
    const before = await visible(name, context.caller, "see");
    const timeoutMs = timeout ? durationMs(timeout) : LONGEST_WAIT_MS;
    if (timeoutMs < 0) throw invalid("timeout", "must not be negative");
    const leaving = new AbortController();
    context.onAbort(() => leaving.abort());
    const untilMs = Math.min(clock.now() + Math.min(timeoutMs, LONGEST_WAIT_MS), context.answerByMs - READING_MS);
    const record = await shared().wait(before.id, untilMs, leaving.signal);
    if (!record) throw NOT_FOUND; // deleted meanwhile
    return wire(record);
  }

  async function cancel({ name }: CancelOperationRequest, context: RpcContext): Promise<Empty> {
    const before = await visible(name, context.caller, "stop");
    const record = await shared()
      .stop(before.id)
      .catch((error: unknown) => {
        audit?.stopped(before, context, error);
        throw error;
      });
    if (!record) throw NOT_FOUND;
    if (before.endMs === undefined) audit?.stopped(record, context); // also if one before it was not answered
    return {};
  }

  async function remove({ name }: DeleteOperationRequest, { caller }: RpcContext): Promise<Empty> {
    const { id } = await visible(name, caller, "delete");
    const removed = await shared().remove(id);
    if (removed === "running") throw RUNNING;
    if (removed === "missing") throw NOT_FOUND;
    return {};
  }

  async function results(request: ListOperationResultsRequest, { caller }: RpcContext) {
    const record = await visible(request.name, caller, "read");
    const page = await resultsPageOf(shared(), record, request);
    if (!page) throw NOT_FOUND; // deleted meanwhile
    return page;
  }

  async function stopRollout(request: StopRolloutRequest, context: RpcContext): Promise<Operation> {
    try {
      const { account, productKey, firmwareId, jobId } = request;
      const rights = rightsOf(callers, context.caller);
      checkRights(callers, context.caller, touchedByStop(request, rights));
      const spec = stopSpecOf(request, rights, limits);
      context.asked({ account: account || DEFAULT_ACCOUNT, productKey, firmwareId, jobId }, 0);
      const record = await shared().orderStop(context.caller, spec);
      shared().published();
      audit?.submitted(record, context);
      return wire(record);
    } catch (error) {
      audit?.rolloutRefused(error, request, context);
      throw error;
    }
  }

  /** The operation, if the caller may do this with it. Throws GatewayError. */
  async function visible(name: string, caller: string, access: Access): Promise<OperationRecord> {
    const right = rightsOf(callers, caller).operations ?? "own";
    const operations = shared();
    const id = name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : "";
    if (!isOperationId(id)) throw invalid("name", "must be operations/ and 26 letters and digits");
    const record = await operations.get(id);
    if (!record) throw NOT_FOUND;
    if (record.caller === caller) return record;
    if (right === "own") throw NOT_FOUND;
    if (access === "delete" || (access === "read" && right !== "all")) throw NO_RIGHT;
    return record;
  }

  function wire(record: OperationRecord): Operation {
    return operationMessageOf(record, shared().durable);
  }
}
