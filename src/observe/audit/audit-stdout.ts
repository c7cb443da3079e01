// Writes the audit log to standard output.
import { write } from "node:fs";
import { promisify } from "node:util";
import type { Destination } from "./audit-file.js";

/**
 * Writes to the file descriptor, because the stream never recovers from an error. A pipe without a
 * reader returns EAGAIN: merely naming `process.stdout` has made it non-blocking. Otherwise a full
 * pipe would keep the process from ending.
 */
export function auditStdout(descriptor: number = process.stdout.fd): Destination {
  const append = promisify(write);
  return {
    async write(batch) {
      while (batch.written < batch.bytes.length) {
        batch.written += (await append(descriptor, batch.bytes, batch.written)).bytesWritten;
      }
    },
    reopen: () => {},
    close: async () => {},
  };
}
