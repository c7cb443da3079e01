// Puts operations together: opens their store, by the settings, and connects them with the callers'
// rights and the audit log.
import { randomBytes } from "node:crypto";
import type { Clock } from "../base/clock.js";
import type { Log } from "../base/log.js";
import type { Config } from "../config/config.js";
import { DEFAULT_ACCOUNT } from "../gateway/command.js";
import type { Gateway } from "../gateway/gateway.js";
import { Priority, priorityToJSON } from "../gen/ota/v1/ota_service.js";
import type { OperationAudit } from "../grpc/service/operations-service.js";
import type { CallerBook } from "../identity/caller-book.js";
import { beyond } from "../identity/rights.js";
import type { AuditedCaller, AuditedOperation, AuditedRequest } from "../observe/audit/audit-record.js";
import type { Auditor } from "../observe/audit/auditor.js";
import type { Metrics } from "../observe/telemetry/metrics.js";
import type { OperationMetrics, OperationsStanding } from "../observe/telemetry/operation-metrics.js";
import type { CancelListSpec } from "../operations/cancel-list.js";
import { observedStore } from "../operations/observed-store.js";
import { Operations } from "../operations/operations.js";
import { type OperationsReading, OperationsWatch } from "../operations/operations-watch.js";
import type { StopAccount } from "../operations/stop/stop-run.js";
import { STOP_ROLLOUT } from "../operations/stop/stop-spec.js";
import type { OperationRecord, StoreBounds } from "../operations/store.js";
import { startOperationSpan } from "../tracing/spans.js";
import { auditedRolloutOf } from "./audited-rollout.js";
import { IN_MEMORY, openOperationStore, storeBounds } from "./operation-store.js";

export interface OperationsSetup {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly callers: CallerBook;
  readonly gateways: ReadonlyMap<string, Gateway>;
  /** By account. */
  readonly stops: ReadonlyMap<string, StopAccount>;
  readonly auditor: Auditor | undefined;
  readonly metrics: Pick<Metrics, "operations">;
}

export interface ServedOperations {
  readonly operations: Operations;
  /** Undefined while there is no store. */
  readonly reading: () => OperationsReading | undefined;
  close(): Promise<void>;
}

/**
 * Opens them; undefined if replicas share nothing but the quota. Throws ConfigError if the store
 * cannot be used.
 */
export async function openOperations(setup: OperationsSetup): Promise<ServedOperations | undefined> {
  const { config, clock, log, callers, gateways, auditor, metrics } = setup;
  const path = config.state || IN_MEMORY;
  if (path === IN_MEMORY && config.redisUrls.length > 0) return undefined;
  let watch: OperationsWatch | undefined;
  let measured: OperationMetrics | undefined;
  let unwatch = () => {};
  const reading = () => watch?.reading;
  const operations = new Operations({
    ...{ clock, log, gateways },
    holder: randomBytes(12).toString("hex"),
    open: async () => {
      measured = metrics.operations();
      const store = observedStore(await openOperationStore(config, clock), clock, measured);
      watch = new OperationsWatch(store, clock, (error) => log.error({ err: error }, "operations cannot be listed"));
      unwatch = measured.watch(() => standingOf(reading(), storeBounds(config)));
      return store;
    },
    mostDevicesPerOperation: config.maxDevicesPerOperation,
    mostOperationsPerCaller: config.maxOperationsPerCaller,
    stops: {
      accounts: setup.stops,
      forbidden: (caller, spec) => whyForbidden(callers, caller, { ...spec, verify: false, isRollout: true }),
      planned: (record) => auditEvent(auditor, record, "Planned"),
    },
    spanOf: startOperationSpan,
    forbidden: (caller, spec) => whyForbidden(callers, caller, spec),
    ended: (record) => {
      measured?.ended(record);
      auditEvent(auditor, record, "Ended");
    },
  });
  if (path !== IN_MEMORY) await operations.open(); // else opened when it is needed
  return {
    operations,
    reading,
    async close() {
      unwatch();
      watch?.close();
      await operations.close();
    },
  };
}

function standingOf(reading: OperationsReading | undefined, bounds: StoreBounds): OperationsStanding | undefined {
  return reading && { ...reading, mostStoredDevices: bounds.devices, mostPerCaller: bounds.operationsPerCaller };
}

/** Rights may change while an operation runs. */
function whyForbidden(
  callers: CallerBook,
  caller: string,
  spec: Pick<CancelListSpec, "account" | "priority" | "verify" | "scope"> & { readonly isRollout?: boolean },
): string | undefined {
  const rights = callers.rightsOf(caller);
  if (!rights) return "its caller has no rights here any more";
  const fields = beyond(rights, { ...spec, productKey: spec.scope.productKey });
  return fields.length > 0 ? `its caller has no right to this ${fields.join(", ")} any more` : undefined;
}

/** Writes a line when an operation is submitted, stopped or refused. */
export function operationAudit(auditor: Auditor | undefined): OperationAudit | undefined {
  if (!auditor) return undefined;
  return {
    submitted: (record, context) => begin(auditor, record, rpcOf(record), callerOf(context)).done(auditedOf(record)),
    stopped: (record, context, error) =>
      begin(auditor, record, "CancelOperation", callerOf(context)).done(auditedOf(record), error),
    refused(error, spec, context) {
      const request = { ...NOTHING, ...spec, account: spec?.account || DEFAULT_ACCOUNT };
      const priority = priorityToJSON(spec?.priority ?? Priority.UNSPECIFIED);
      auditor.begin(request, { ...callerOf(context), rpc: "SubmitCancelTasksByDevice", priority }).refused(error);
    },
    rolloutRefused(error, request, context) {
      const asked = { ...NOTHING, ...request, account: request?.account || DEFAULT_ACCOUNT };
      const priority = priorityToJSON(request?.priority || Priority.URGENT);
      auditor.begin(asked, { ...callerOf(context), rpc: "StopRollout", priority }).refused(error);
    },
  };
}

function rpcOf({ kind }: OperationRecord): string {
  return kind === STOP_ROLLOUT ? "StopRollout" : "SubmitCancelTasksByDevice";
}

function auditEvent(auditor: Auditor | undefined, record: OperationRecord, event: string): void {
  if (auditor) begin(auditor, record, event, { caller: record.caller }).done(auditedOf(record));
}

type Who = Pick<AuditedCaller, "caller" | "stranger" | "span">;

const NO_SPAN = { traceId: "", spanId: "" };

const NOTHING: AuditedRequest = {
  ...{ account: "", iotInstanceId: "", productKey: "", firmwareId: "", jobId: "", reason: "" },
  ...{ deviceNames: [], requireAll: false, verify: false },
};

function begin(auditor: Auditor, record: OperationRecord, rpc: string, who: Partial<Who> & { caller: string }) {
  const { scope, account, reason, verify, priority } = JSON.parse(record.spec) as Partial<CancelListSpec>; // of a newer version, perhaps
  const request = {
    ...NOTHING,
    ...scope,
    account: account ?? record.account,
    reason: reason ?? "",
    verify: verify === true,
  };
  return auditor.begin(request, {
    span: NO_SPAN,
    ...who,
    rpc,
    priority: `PRIORITY_${(priority ?? "unspecified").toUpperCase()}`,
  });
}

function callerOf({ caller, stranger, span }: Parameters<OperationAudit["submitted"]>[1]): Who {
  return { caller, span: span.spanContext(), ...(stranger && { stranger }) };
}

function auditedOf(record: OperationRecord): AuditedOperation {
  const { id, state, devices, progress, counts } = record;
  const rollout = record.kind === STOP_ROLLOUT ? auditedRolloutOf(record) : undefined;
  return { name: `operations/${id}`, state, devices, calls: progress.calls, counts, ...(rollout && { rollout }) };
}
