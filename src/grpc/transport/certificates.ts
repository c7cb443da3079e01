// The certificate of the gRPC port as it is rotated: what its files hold is taken up when it has changed and is
// whole. Half a rotation changes nothing, and is told once it has stood for as long as two looks.
import type { Clock } from "../../base/clock.js";
import type { Log } from "../../base/log.js";
import { readTlsFiles, type TlsFiles, TlsFilesError, type TlsPaths } from "../../config/tls-files.js";

/** Contents are compared, not times: however files are replaced, by symlink too, it is seen. */
const LOOK_EVERY_MS = 2000;

/** Who rotates does so long before. */
const ENDS_SOON_MS = 7 * 24 * 3_600_000;

export interface Certificates {
  /** As they were when it began. */
  readonly files: TlsFiles;
  /** When the one in use ends, in ms since the epoch. */
  endsWallMs(): number;
  /** Looks now. */
  look(): void;
  close(): void;
}

export interface CertificatesOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of other files than those before. */
  readonly replace: (files: TlsFiles) => void;
}

/** Throws TlsFilesError if the files are of no use now. */
export function watchCertificates(paths: TlsPaths, { clock, log, replace }: CertificatesOptions): Certificates {
  const files = readTlsFiles(paths);
  let current = files;
  let trouble = "";
  let told = "";
  let disarm = () => {};
  tell(files);
  arm();
  return { files, endsWallMs: () => current.expiresWallMs, look, close: () => disarm() };

  function arm(): void {
    disarm = clock.at(clock.now() + LOOK_EVERY_MS, () => {
      look();
      arm();
    });
  }

  function look(): void {
    const next = read();
    if (!next || isSame(next, current)) return;
    current = next;
    replace(next);
    tell(next);
  }

  function read(): TlsFiles | undefined {
    try {
      const next = readTlsFiles(paths);
      trouble = told = "";
      return next;
    } catch (error) {
      if (!(error instanceof TlsFilesError)) throw error;
      // Once may be a rotation that is under way.
      if (error.message === trouble && error.message !== told) {
        told = error.message;
        log.warn({ reason: error.message }, "the TLS files are not taken up; the ones before stay in use");
      }
      trouble = error.message;
      return undefined;
    }
  }

  function tell({ expiresWallMs }: TlsFiles): void {
    const ends = new Date(expiresWallMs).toISOString();
    if (expiresWallMs - clock.wallNow() > ENDS_SOON_MS) log.info({ ends }, "the certificate is in use");
    else log.warn({ ends }, "the certificate is in use, and ends soon or has ended");
  }
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  return a.cert === b.cert && a.key === b.key && a.ca === b.ca;
}
