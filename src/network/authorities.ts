// Makes the process trust the system's certificate authorities, besides those that Node brings and
// those of NODE_EXTRA_CA_CERTS. SSL_CERT_FILE and SSL_CERT_DIR name the system's, as for OpenSSL.
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

type Variables = Readonly<Record<string, string | undefined>>;

/** Where Node's OpenSSL looks on Linux, unless a variable says otherwise. */
const SYSTEM_FOLDER = "/etc/ssl/certs";
const SYSTEM_FILE = "/etc/ssl/cert.pem";

/** To be called before the first connection. It takes a tenth of a second. */
export function trustSystemAuthorities(): void {
  const nodes = getCACertificates("default");
  setDefaultCACertificates([...new Set([...nodes, ...systemAuthorities(process.env)])]);
}

/** Certificates in PEM. Where a system has no folder of them, Node would complain on stderr. */
export function systemAuthorities(environment: Variables, folder = SYSTEM_FOLDER): readonly string[] {
  const isLinux = process.platform === "linux";
  if (!isLinux || environment["SSL_CERT_DIR"] || existsSync(folder)) return getCACertificates("system");
  try {
    const text = readFileSync(environment["SSL_CERT_FILE"] || SYSTEM_FILE, "utf8");
    return text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  } catch {
    return []; // as Node does
  }
}

/** Mistakes in the variables that name authorities. Node ignores a file that it cannot read. */
export function authorityMistakes(environment: Variables): readonly string[] {
  return [
    ...["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"].flatMap((name) => troubleWith(name, environment[name], certificateIn)),
    ...troubleWith("SSL_CERT_DIR", environment["SSL_CERT_DIR"], (paths) =>
      paths.split(":").filter(Boolean).forEach(readFolder),
    ),
  ];
}

function troubleWith(name: string, path: string | undefined, read: (path: string) => unknown): readonly string[] {
  if (!path) return [];
  try {
    read(path);
    return [];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return [`${name}: ${path} cannot be used: ${code ?? message}; expected certificates in PEM`];
  }
}

function readFolder(path: string): void {
  readdirSync(path);
}

function certificateIn(path: string): void {
  const text = readFileSync(path, "utf8");
  if (!text.includes("-----BEGIN ")) throw new Error("there is none in it");
  new X509Certificate(text);
}
