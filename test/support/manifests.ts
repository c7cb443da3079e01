// Reads the files in deploy/, and the parts of manifests and compose files that tests check.
import { readdirSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels: Labels;
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef?: { readonly name: string; readonly key: string } };
    readonly $patch?: string;
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: Selector }[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

export interface Rule {
  readonly from?: readonly { readonly podSelector?: Selector }[];
  readonly to?: readonly object[];
  readonly ports: readonly { readonly port: number | string }[];
}

/** Of any kind; fields that a kind does not have are undefined. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly minReadySeconds: number;
    readonly strategy: object;
    readonly selector: Labels & Selector;
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly ports: readonly { readonly port: number; readonly targetPort: string }[];
    readonly podSelector: Selector;
    readonly ingress: readonly Rule[];
    readonly egress: readonly Rule[];
    readonly accessModes: readonly string[];
  };
}

export interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator?: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly images?: readonly { readonly name: string }[];
  readonly patches?: readonly { readonly patch: string }[];
}

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly args: Readonly<Record<string, string>> };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly stop_grace_period?: string;
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
}

/** The value of a variable in compose.yaml where the shell of the user sets nothing. */
export function interpolated(value: string): string {
  return value.replace(/\$\{\w+(?::-([^}]*))?\}/g, "$1");
}

/** Paths of all files below. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`);
}

/**
 * Every document of a file or text, as Kubernetes and Compose read it. Throws if it is not YAML.
 */
export function documentsOf<T>(text: string): T[] {
  return parseAllDocuments(text, { version: "1.1", merge: true }).map((document) => {
    for (const mistake of [...document.errors, ...document.warnings]) throw mistake;
    return document.toJS() as T;
  });
}

export function manifestsIn<T = Manifest>(path: string): T[] {
  return documentsOf<T>(readFileSync(path, "utf8"));
}

/** The only document of that kind in a file. */
export function manifestIn(path: string, kind: string): Manifest {
  const found = manifestsIn(path).filter((each) => each.kind === kind);
  if (!found[0] || found.length > 1) throw new Error(`${path} has ${found.length} of ${kind}`);
  return found[0];
}
