// The gateways of deploy/kubernetes as they would run: their manifests with patches merged in as
// `kubectl kustomize` does it, and the settings that the gateways would read.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, type Environment, readConfig } from "../../src/config/config.js";
import {
  type Container,
  documentsOf,
  type Kustomization,
  type Manifest,
  manifestIn,
  manifestsIn,
} from "./manifests.js";

export const KUBERNETES = "deploy/kubernetes";

/** Variables whose values come from secrets. */
const SECRETS: Environment = {
  OTA_REDIS_URL: "redis://ota-gateway:secret@ota-gateway-redis:6379",
  OTA_ADMIN_TOKEN: "token-of-the-secret",
  OTA_STATE: "postgres://ota:secret@ota-gateway-postgres/ota",
};

/** The variables that the image sets. */
const IMAGE: Environment = Object.fromEntries(
  [...readFileSync("Dockerfile", "utf8").matchAll(/\b(OTA_\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
);

/** The Deployment of a folder, which patches that of the folder it names first, down to gateway. */
export function patchedDeployment(folder: string): Manifest {
  if (folder === "gateway") return manifestIn(join(KUBERNETES, folder, "deployment.yaml"), "Deployment");
  const path = join(KUBERNETES, folder, "kustomization.yaml");
  const [{ resources, patches = [] }] = manifestsIn<Kustomization>(path) as [Kustomization];
  const below = /^\.\.\/(\w+)$/.exec(resources[0] ?? "")?.[1];
  if (!below) throw new Error(`${path} begins with ${resources}`);
  const base = patchedDeployment(below);
  const all = patches.flatMap(({ patch }) => documentsOf<Manifest>(patch));
  for (const { kind, metadata } of all) {
    if (kind !== base.kind || metadata.name !== base.metadata.name) throw new Error(`${path} patches ${kind}`);
  }
  return all.reduce((before, patch) => merged(before, patch, path) as Manifest, base);
}

export function onlyContainer(workload: Manifest): Container {
  const [container, ...others] = workload.spec.template.spec.containers;
  if (!container || others.length > 0) throw new Error("one container is expected");
  return container;
}

export function variablesOf({ env = [] }: Container): Environment {
  return Object.fromEntries(env.map(({ name, value }) => [name, value ?? SECRETS[name]]));
}

/** The configuration that a gateway reads there, with the file of accounts in the repository. */
export function configOf(variables: Environment): Config {
  const file = variables["OTA_CONFIG"] && { OTA_CONFIG: `${KUBERNETES}/gateway/gateway.yaml` };
  return readConfig({ ...IMAGE, ...variables, ...file });
}

/** The field that identifies entries in lists that Kubernetes merges entry by entry. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: "name",
  env: "name",
  volumes: "name",
  volumeMounts: "mountPath",
};

type Mapping = Readonly<Record<string, unknown>>;

function merged(base: unknown, patch: unknown, where: string): unknown {
  if (Array.isArray(patch)) return mergedList(Array.isArray(base) ? base : [], patch, where);
  if (typeof patch !== "object" || patch === null) return patch;
  const before = (typeof base === "object" && base !== null ? base : {}) as Mapping;
  const entries = Object.entries(patch).map(([name, value]) => [name, merged(before[name], value, `${where}/${name}`)]);
  return Object.fromEntries(
    Object.entries({ ...before, ...Object.fromEntries(entries) }).filter(([, each]) => each !== null),
  );
}

/**
 * Merges two lists. Throws if an entry to delete is missing, and for lists whose merge rule is
 * unknown.
 */
function mergedList(base: readonly Mapping[], patch: readonly Mapping[], where: string): readonly unknown[] {
  const key = MERGE_KEYS[where.slice(where.lastIndexOf("/") + 1)];
  if (!key) throw new Error(`${where}: how is this list merged?`);
  const all = [...base];
  for (const entry of patch) {
    const at = all.findIndex((each) => each[key] === entry[key]);
    if (entry["$patch"] !== "delete") all.splice(at < 0 ? all.length : at, 1, merged(all[at], entry, where) as Mapping);
    else if (at >= 0) all.splice(at, 1);
    else throw new Error(`${where}: there is no ${entry[key]} to delete`);
  }
  return all;
}
