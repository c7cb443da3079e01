// The audit log on standard output.
import { write } from "node:fs";
import { promisify } from "node:util";
import type { Destination } from "./audit-file.js";

/**
 * Writes to the descriptor, since the stream never recovers from an error. A pipe that nobody reads says
 * EAGAIN: naming `process.stdout` has made it non-blocking, or the process could not end while it is full.
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
