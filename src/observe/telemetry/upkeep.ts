// The metrics of what has to be looked after for a gateway to go on: its audit log, its certificate, and the keys that
// tokens are verified with. What it was not told to use has none.
import type { Meter } from "@opentelemetry/api";

/** How these stand now; undefined for what is not used. */
export interface Upkeep {
  auditLog(): { readonly lost: number; readonly waitingBytes: number } | undefined;
  /** Until the gateway's own certificate ends; negative if it has. */
  certificateLeftMs(): number | undefined;
  /** Since the issuer's keys were last read and found good. */
  keysAgeMs(): number | undefined;
}

/** Reads them whenever metrics are collected, until the returned function is called. */
export function watchUpkeep(meter: Meter, upkeep: Upkeep): () => void {
  const lost = meter.createObservableCounter("ota.audit.lost", {
    unit: "{line}",
    description: "Lines of the audit log that were lost since they could not be written and too many waited.",
  });
  const waiting = meter.createObservableGauge("ota.audit.waiting", {
    unit: "By",
    description: "Lines of the audit log that wait to be written.",
  });
  const certificate = meter.createObservableGauge("ota.tls.expires_in", {
    unit: "s",
    description: "Until the certificate of the gRPC port ends; negative if it has.",
  });
  const keys = meter.createObservableGauge("ota.jwt.keys_age", {
    unit: "s",
    description: "Since the issuer's keys were last read. They hold for a day.",
  });
  const all = [lost, waiting, certificate, keys];
  const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
    const auditLog = upkeep.auditLog();
    if (auditLog) {
      result.observe(lost, auditLog.lost);
      result.observe(waiting, auditLog.waitingBytes);
    }
    const leftMs = upkeep.certificateLeftMs();
    if (leftMs !== undefined) result.observe(certificate, leftMs / 1000);
    const ageMs = upkeep.keysAgeMs();
    if (ageMs !== undefined) result.observe(keys, ageMs / 1000);
  };
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}
