// The PEM files of the gRPC port: read together, and only taken together. What is returned has been tried: the key
// is the certificate's, and Node makes a TLS context of them.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

/** Where they are, by setting; empty if it is not set. */
export interface TlsPaths {
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsClientCa: string;
}

export interface TlsFiles {
  /** The certificate and its chain. */
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of callers, if callers have any. */
  readonly ca?: string;
  /** When the certificate ends, in ms since the epoch. */
  readonly expiresWallMs: number;
}

/** What is wrong with the files, all of it. */
export class TlsFilesError extends Error {
  override readonly name = "TlsFilesError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join("; "));
    this.mistakes = mistakes;
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Throws TlsFilesError. */
export function readTlsFiles({ tlsCert, tlsKey, tlsClientCa }: TlsPaths): TlsFiles {
  const mistakes: string[] = [];
  const readAs = <T>(variable: string, path: string, what: string, parse: (text: string) => T) => {
    if (path.includes("-----BEGIN")) {
      mistakes.push(`${variable}: expected the path of a file, not what is in it`); // which may be the key
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
      "OTA_TLS_KEY: is not the key of the first certificate in OTA_TLS_CERT; put the two of one pair in place",
    ]);
  }
  const pems = { cert: cert.text, key: key.text, ...(ca && { ca: ca.text }) };
  try {
    createSecureContext(pems);
  } catch (error) {
    throw new TlsFilesError([`OTA_TLS_CERT: the pair is of no use to TLS: ${(error as Error).message}`]);
  }
  return { ...pems, expiresWallMs: Date.parse(own.validTo) };
}

function textOf(path: string): string | Error {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // Without the path, which is told anyway.
    return new Error((error as NodeJS.ErrnoException).code ?? "unknown error");
  }
}

/** At least one. Throws if there is none, or if one of them is broken. */
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
    // OpenSSL's own words differ between versions; they never hold a part of the key.
    throw new Error((error as NodeJS.ErrnoException).code ?? "unknown format");
  }
}
