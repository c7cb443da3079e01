// Lets this process trust an authority while the tests of a file run. Worker processes are shared
// by files: two authorities of the same name, if both stay trusted, make each other's certificates
// fail.
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll } from "vitest";
import type { CertificateAuthority } from "./certificate-authority.js";

/** For a `describe` block, or for a whole file. */
export function trust({ cert }: CertificateAuthority): void {
  const before = getCACertificates("default");
  beforeAll(() => setDefaultCACertificates([...before, cert]));
  afterAll(() => setDefaultCACertificates(before));
}
