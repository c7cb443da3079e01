// Watches the TLS files of the gRPC port, and loads them when they have changed and belong
// together. Half a rotation changes nothing; it is logged once it has lasted for two looks.
import { type Clock, every } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { readTlsFiles, type TlsFiles, TlsFilesError, type TlsPaths } from "../../config/tls-files.js";

/** Contents are compared, not times: that notices all ways to replace files, also symlinks. */
const LOOK_EVERY_MS = 2000;

/** Certificates that are rotated are replaced long before. */
const ENDS_SOON_MS = 7 * 24 * 3_600_000;

export interface Certificates {
  /** As they were at the start. */
  readonly files: TlsFiles;
  /** When the certificate in use ends, in ms since the epoch. */
  endsWallMs(): number;
  /** Looks for new files now. */
  look(): void;
  close(): void;
}

export interface CertificatesOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Called with files that differ from those before. */
  readonly replace: (files: TlsFiles) => void;
}

/** Throws TlsFilesError if the files cannot be loaded now. */
export function watchCertificates(paths: TlsPaths, { clock, log, replace }: CertificatesOptions): Certificates {
  const files = readTlsFiles(paths);
  let current = files;
  let trouble = "";
  let logged = "";
  logUse(files);
  const disarm = every(clock, LOOK_EVERY_MS, look);
  return { files, endsWallMs: () => current.expiresWallMs, look, close: disarm };

  function look(): void {
    const next = read();
    if (!next || isSame(next, current)) return;
    current = next;
    replace(next);
    logUse(next);
  }

  function read(): TlsFiles | undefined {
    try {
      const next = readTlsFiles(paths);
      trouble = logged = "";
      return next;
    } catch (error) {
      if (!(error instanceof TlsFilesError)) throw error;
      // Seen once, it may be a rotation that is under way.
      if (error.message === trouble && error.message !== logged) {
        logged = error.message;
        log.warn({ reason: error.message }, "the TLS files cannot be loaded; the previous ones stay in use");
      }
      trouble = error.message;
      return undefined;
    }
  }

  function logUse({ expiresWallMs }: TlsFiles): void {
    const ends = new Date(expiresWallMs).toISOString();
    if (expiresWallMs - clock.wallNow() > ENDS_SOON_MS) log.info({ ends }, "the certificate is in use");
    else log.warn({ ends }, "the certificate is in use, and expires soon or has expired");
  }
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
