// How rpcs report to the audit log: first that a request has arrived, later, exactly once, how it
// ended. A problem here never fails a request.
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import type { Answer } from "../../gateway/waiter.js";
import {
  type AuditedCaller,
  type AuditedEnd,
  type AuditedOperation,
  type AuditedRequest,
  auditLine,
  auditRecord,
} from "./audit-record.js";

/** The entry of one request. Only the first report is recorded. */
export interface AuditEntry {
  /** The request was admitted and answered; `error` is the rpc's error, if it failed. */
  answered(answer: Answer, error?: unknown): void;
  /** The request was not admitted. */
  refused(error: unknown): void;
  /** The request asked for validation only. */
  validated(): void;
  /** The request concerned an operation; `error` is the rpc's error, if it failed. */
  done(operation: AuditedOperation, error?: unknown): void;
}

export interface Auditor {
  /** To be called as soon as the request has been read. */
  begin(request: AuditedRequest, caller: AuditedCaller): AuditEntry;
}

export interface AuditorOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly lines: { append(line: string): void };
  readonly withDeviceNames: boolean;
}

export function createAuditor({ clock, log, lines, withDeviceNames }: AuditorOptions): Auditor {
  return {
    begin(request, caller) {
      const askedMs = clock.now();
      const askedWallMs = clock.wallNow();
      let told = false;
      const tell = (end: AuditedEnd) => {
        if (told) return;
        told = true;
        try {
          const times = { askedWallMs, durationMs: clock.now() - askedMs };
          lines.append(auditLine(auditRecord(request, caller, end, times, withDeviceNames)));
        } catch (error) {
          log.error({ err: error }, "a request could not be recorded in the audit log; the request itself goes on");
        }
      };
      return {
        answered: (answer, error) => tell({ kind: "answered", answer, error }),
        refused: (error) => tell({ kind: "refused", error }),
        validated: () => tell({ kind: "validated" }),
        done: (operation, error) => tell({ kind: "operation", operation, error }),
      };
    },
  };
}
