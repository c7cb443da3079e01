// Reads the address of PostgreSQL, and refuses what would be ignored or be less safe than it looks.
// Holds the password: nothing of the address but names of parameters goes into a text.
import type { PoolConfig } from "pg";
import { StoreRefused } from "../store.js";

const PARAMETERS: readonly string[] = [
  ...["sslmode", "sslrootcert", "sslcert", "sslkey"],
  ...["host", "application_name"],
];

/** As libpq has them, without those that fall back to a connection in the clear. */
const SSL_MODES: readonly string[] = ["disable", "require", "verify-ca", "verify-full"];

/** Throws StoreRefused. */
export function connectionTo(address: string): PoolConfig {
  const url = parse(address);
  for (const name of url.searchParams.keys()) {
    if (PARAMETERS.includes(name)) continue;
    throw new StoreRefused(`OTA_STATE: unknown parameter ${JSON.stringify(name)}; known are ${PARAMETERS.join(", ")}`);
  }
  const mode = url.searchParams.get("sslmode");
  if (mode !== null && !SSL_MODES.includes(mode)) {
    throw new StoreRefused(`OTA_STATE: sslmode must be one of ${SSL_MODES.join(", ")}`);
  }
  if (mode === null && PARAMETERS.slice(1, 4).some((name) => url.searchParams.has(name))) {
    throw new StoreRefused("OTA_STATE: certificates are given, so sslmode=verify-full must be, too");
  }
  if (mode === "verify-ca" && !url.searchParams.has("sslrootcert")) {
    throw new StoreRefused("OTA_STATE: sslmode=verify-ca needs sslrootcert, or use verify-full");
  }
  url.searchParams.set("uselibpqcompat", "true"); // otherwise pg reads `require` as `verify-full`
  return { connectionString: url.href, application_name: url.searchParams.get("application_name") ?? "ota-gateway" };
}

/** The error of `URL` holds its input, so it goes no further. */
function parse(address: string): URL {
  try {
    const url = new URL(address);
    decodeURIComponent(url.username + url.password + url.pathname);
    return url;
  } catch {
    throw new StoreRefused(
      "OTA_STATE is not an address of PostgreSQL: postgres://user:password@host:5432/database is expected, with special characters of the password written as %XX",
    );
  }
}
