// The TLS flags of every subcommand that calls a gateway. Files are checked before anything is
// sent, because errors of OpenSSL or of a handshake do not show which flag is wrong.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TlsOptions } from "../client/client.js";

export interface TlsFlags {
  readonly tls?: true;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
}

/** Undefined for plain text. Calls `misuse` with what is wrong. */
export function tlsBy(flags: TlsFlags, misuse: (message: string) => never): TlsOptions | true | undefined {
  const { ca, cert, key, serverName } = flags;
  if (Boolean(cert) !== Boolean(key)) misuse("--cert and --key must be given together");
  const read = <T>(flag: string, file: string, what: string, parse: (text: string) => T) => {
    if (file.includes("-----BEGIN")) misuse(`${flag} wants the path of a file, not its content`); // it may be the key
    const text = textOf(flag, file, misuse);
    try {
      return { text, parsed: parse(text) };
    } catch {
      return misuse(`${flag} ${file} holds no ${what}`);
    }
  };
  const certificate = (text: string) => new X509Certificate(text);
  const authorities = ca && read("--ca", ca, "certificate in PEM", certificate);
  const own = cert && read("--cert", cert, "certificate in PEM", certificate);
  const secret = key && read("--key", key, "private key in PEM without passphrase", createPrivateKey);
  if (own && secret && !own.parsed.checkPrivateKey(secret.parsed)) {
    misuse(`--key ${key} is not the key of --cert ${cert}; give both files of one pair`);
  }
  const options: TlsOptions = {
    ...(authorities && { ca: authorities.text }),
    ...(own && { cert: own.text }),
    ...(secret && { key: secret.text }),
    ...(serverName && { serverName }),
  };
  return Object.keys(options).length > 0 ? options : flags.tls;
}

function textOf(flag: string, file: string, misuse: (message: string) => never): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    return misuse(`${flag} ${file} cannot be read: ${(error as Error).message}`);
  }
}
