// Reads the PEM files of the gRPC port, all together or not at all. The result has been tried: the
// key belongs to the certificate, and Node can make a TLS context of the pair.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

/** Paths by setting; empty if a setting is not set. */
export interface TlsPaths {
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsClientCa: string;
}

export interface TlsFiles {
  /** The certificate and its chain. */
  readonly cert: string;
  readonly key: string;
  /** The CA that signs client certificates, if clients use any. */
  readonly ca?: string;
  /** When the certificate expires, in ms since the epoch. */
  readonly expiresWallMs: number;
}

/** Carries every mistake in the files. */
export class TlsFilesError extends Error {
  override readonly name = "TlsFilesError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join("; "));
    this.mistakes = mistakes;
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Reads and checks the files. Throws TlsFilesError. */
export function readTlsFiles({ tlsCert, tlsKey, tlsClientCa }: TlsPaths): TlsFiles {
  const mistakes: string[] = [];
  const readAs = <T>(variable: string, path: string, what: string, parse: (text: string) => T) => {
    if (path.includes("-----BEGIN")) {
      mistakes.push(`${variable}: expected the path of a file, not what is in it`); // not shown: it may be the key
      return undefined;
    }
    const text = textOf(path);
    if (text instanceof Error) {
      mistakes.push(`${variable}: ${path} cannot be read: ${text.message}`);
      return undefined;
    }
    try {
      return { text, parsed: parse(text) };
    } catch (error) {
      mistakes.push(`${variable}: ${path} holds no ${what}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const cert = readAs("OTA_TLS_CERT", tlsCert, "certificate in PEM", certificatesOf);
  const key = readAs("OTA_TLS_KEY", tlsKey, "private key in PEM without passphrase", privateKeyOf);
  const ca = tlsClientCa ? readAs("OTA_TLS_CLIENT_CA", tlsClientCa, "certificate in PEM", certificatesOf) : undefined;
  if (!cert || !key || mistakes.length > 0) throw new TlsFilesError(mistakes);
  const [own] = cert.parsed;
  if (!own.checkPrivateKey(key.parsed)) {
    throw new TlsFilesError([
      "OTA_TLS_KEY: is not the key of the first certificate in OTA_TLS_CERT; set the two files of one pair",
    ]);
  }
  const pems = { cert: cert.text, key: key.text, ...(ca && { ca: ca.text }) };
  try {
    createSecureContext(pems);
  } catch (error) {
    throw new TlsFilesError([
      `OTA_TLS_CERT: certificate and private key cannot be loaded: ${(error as Error).message}`,
    ]);
  }
  return { ...pems, expiresWallMs: Date.parse(own.validTo) };
}

function textOf(path: string): string | Error {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Without the path, which the caller reports anyway.
    return new Error((error as NodeJS.ErrnoException).code ?? "unknown error");
  }
}

/** Reads at least one certificate. Throws if there is none, or if one of them is broken. */
function certificatesOf(text: string): readonly [X509Certificate, ...X509Certificate[]] {
  const [first, ...others] = (text.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  const begun = text.split("-----BEGIN CERTIFICATE-----").length - 1;
  if (!first) throw new Error("there is none");
  if (begun > others.length + 1) throw new Error("the last one is cut off");
  return [first, ...others];
}

function privateKeyOf(text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    // Uses the error's code: OpenSSL's words differ between versions. They never hold a part of the
    // key.
    throw new Error((error as NodeJS.ErrnoException).code ?? "unknown format");
  }
}
