// What the rpcs tell the audit log: a request has come, and later, once, what became of it. Nothing here can
// fail a request.
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import type { Answer } from "../../gateway/waiter.js";
import { type AuditedCaller, type AuditedEnd, type AuditedRequest, auditLine, auditRecord } from "./audit-record.js";

/** One request. The first that it is told is recorded. */
export interface AuditEntry {
  /** It was let in and answered; `error` is what the rpc failed with, if it did. */
  answered(answer: Answer, error?: unknown): void;
  /** It was not let in. */
  refused(error: unknown): void;
  /** It asked to be looked at only. */
  validated(): void;
}

export interface Auditor {
  /** To be called as soon as the request is read. */
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
          log.error({ err: error }, "a request could not be recorded in the audit log");
        }
      };
      return {
        answered: (answer, error) => tell({ kind: "answered", answer, error }),
        refused: (error) => tell({ kind: "refused", error }),
        validated: () => tell({ kind: "validated" }),
      };
    },
  };
}
