// Warns of OTA_* variables that are no settings. Most often the name is misspelled, and without a
// warning the default would apply silently.
import type { Environment } from "./config.js";
import { SETTINGS } from "./settings.js";

/** Variables of the client commands, which may run in the same environment as `serve`. */
const CLIENT_VARIABLES = ["OTA_ADDRESS", "OTA_TOKEN"];

/** Returns a warning for each OTA_* variable that is not a setting, with the nearest name. */
export function unknownSettings(environment: Environment): string[] {
  const known: string[] = Object.values(SETTINGS).map(({ variable }) => variable);
  const names = Object.keys(environment);
  // Kubernetes injects variables for each service of the namespace, and one may be called
  // ota-something.
  const services = names.flatMap((name) => /^(.+)_SERVICE_HOST$/.exec(name)?.[1] ?? []);
  const injected = (name: string) =>
    services.some((service) => name.startsWith(`${service}_SERVICE_`) || name.startsWith(`${service}_PORT`));
  const isOthers = (name: string) => CLIENT_VARIABLES.includes(name) || injected(name);
  return names
    .filter((name) => name.startsWith("OTA_") && !known.includes(name) && !isOthers(name))
    .map((name) => {
      const nearest = known.toSorted((a, b) => distance(name, a) - distance(name, b))[0];
      return `${name} is not a setting of this version and is ignored; did you mean ${nearest}?`;
    });
}

/** The Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, charA] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, charB] of [...b].entries()) {
      const change = (row[j] ?? 0) + (charA === charB ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
