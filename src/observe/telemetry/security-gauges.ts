// Defines the metrics of what guards a gateway: its audit log, its certificate, and the keys that
// verify tokens. A feature that is not used has no metric.
import type { Meter } from "@opentelemetry/api";

/** The current state; undefined for features that are not used. */
export interface SecurityReadings {
  auditLog(): { readonly lost: number; readonly waitingBytes: number; readonly waitingMs: number } | undefined;
  /** Time until the gateway's certificate expires; negative if it has. */
  certificateLeftMs(): number | undefined;
  /** Time since the issuer's keys were last read successfully. */
  keysAgeMs(): number | undefined;
}

/** Reads these at each collection, until the returned function is called. */
export function watchSecurity(meter: Meter, readings: SecurityReadings): () => void {
  const lost = meter.createObservableCounter("ota.audit.lost", {
    unit: "{line}",
    description: "Lines of the audit log that were dropped, because they could not be written and the queue was full.",
  });
  const waiting = meter.createObservableGauge("ota.audit.waiting", {
    unit: "By",
    description: "Bytes of the audit log that wait to be written.",
  });
  const waitingAge = meter.createObservableGauge("ota.audit.waiting_age", {
    unit: "s",
    description: "Time for which lines of the audit log have waited and none has been written; 0 if none wait.",
  });
  const certificate = meter.createObservableGauge("ota.tls.expires_in", {
    unit: "s",
    description: "Time until the certificate of the gRPC port expires; negative if it has.",
  });
  const keys = meter.createObservableGauge("ota.jwt.keys_age", {
    unit: "s",
    description: "Time since the issuer's keys were last read. They are used for up to a day.",
  });
  const all = [lost, waiting, waitingAge, certificate, keys];
  const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
    const auditLog = readings.auditLog();
    if (auditLog) {
      result.observe(lost, auditLog.lost);
      result.observe(waiting, auditLog.waitingBytes);
      result.observe(waitingAge, auditLog.waitingMs / 1000);
    }
    const leftMs = readings.certificateLeftMs();
    if (leftMs !== undefined) result.observe(certificate, leftMs / 1000);
    const ageMs = readings.keysAgeMs();
    if (ageMs !== undefined) result.observe(keys, ageMs / 1000);
  };
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}
