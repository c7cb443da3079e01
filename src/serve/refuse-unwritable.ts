// Refuses, before anything starts, an audit log that OTA_AUDIT_STRICT asks for and that cannot be
// written. Leaves an existing file as it is.
import { closeSync, constants, openSync } from "node:fs";
import { ConfigError } from "../config/config.js";

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;

/** Throws ConfigError if nothing can be appended to the audit log. */
export function refuseUnwritable(auditLog: string): void {
  if (auditLog === "-") return;
  try {
    // A named pipe without a reader must not block.
    closeSync(openSync(auditLog, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o640));
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const mistake = `OTA_AUDIT_LOG: ${auditLog} cannot be written (${code}); make it writable, or unset OTA_AUDIT_STRICT`;
    throw new ConfigError([mistake]);
  }
}
