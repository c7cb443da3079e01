// The chart in deploy/helm, rendered by Helm: each choice comes out as the folder of
// deploy/kubernetes that makes the same choice. Where Helm can be neither found nor fetched, only the
// names of values are checked.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KUBERNETES, onlyContainer, patchedDeployment } from "../support/deployed.js";
import { documentsOf, filesBelow, type Manifest, manifestIn, manifestsIn } from "../support/manifests.js";
import { programPath, systemHas } from "../support/system.js";

const CHART = "deploy/helm/ota-gateway";
const program = programPath("helm");

/** The values that make the choices of each folder. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  gateway: [],
  single: ["redis.existingSecret="],
  sqlite: ["redis.existingSecret=", "state.kind=sqlite"],
  postgres: ["state.kind=postgres"],
  tls: ["tls.existingSecret=ota-gateway-tls"],
};

/** `values` as they stand on the command line, `file` as in a file of values. */
function helm(command: string, values: readonly string[], file = "{}") {
  const sets = values.flatMap((each) => ["--set", each]);
  const name = command === "template" ? ["ota-gateway"] : [];
  return spawnSync(program ?? "", [command, ...name, CHART, "--values=-", ...sets], { encoding: "utf8", input: file });
}

function rendered(values: readonly string[], file?: string): Manifest[] {
  const { stdout, stderr, status } = helm("template", values, file);
  if (status !== 0) throw new Error(stderr);
  return documentsOf<Manifest | null>(stdout).filter((each) => each !== null);
}

interface ConfigFile {
  readonly accounts: object;
  readonly callers: object;
}

function only(manifests: readonly Manifest[], kind: string): Manifest {
  const [found, ...others] = manifests.filter((each) => each.kind === kind);
  if (!found || others.length > 0) throw new Error(`one ${kind} is expected`);
  return found;
}

/** What is the same however it is written: lists that Kubernetes merges by name are sorted by it. */
function comparable({ metadata, spec }: Manifest) {
  const { annotations: _, ...podMetadata } = spec.template.metadata as unknown as Record<string, unknown>;
  const container = onlyContainer({ spec } as Manifest);
  const byName = <T extends { readonly name: string }>(list: readonly T[]) =>
    list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const env = byName(container.env ?? []);
  const mounts = byName(container.volumeMounts);
  const containers = [{ ...container, image: "", env, volumeMounts: mounts }];
  const pod = { ...spec.template.spec, containers, volumes: byName(spec.template.spec.volumes) };
  return { metadata, spec: { ...spec, template: { metadata: podMetadata, spec: pod } } };
}

describe("the chart's version", () => {
  it("is that of the program", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    const [chart] = manifestsIn<object>(`${CHART}/Chart.yaml`);
    expect(chart).toMatchObject({ version, appVersion: version });
  });
});

describe("the values of the chart", () => {
  it("are all used, and templates use no others", () => {
    const text = filesBelow(`${CHART}/templates`)
      .map((path) => readFileSync(path, "utf8"))
      .join("\n");
    const [values] = manifestsIn<Record<string, unknown>>(`${CHART}/values.yaml`);
    const used = new Set([...text.matchAll(/\.Values\.(\w+)/g)].map(([, name]) => name));
    expect([...used].toSorted()).toEqual(Object.keys(values ?? {}).toSorted());
  });

  it("are the accounts of the manifests", () => {
    const [values] = manifestsIn<{ gateway: ConfigFile }>(`${CHART}/values.yaml`);
    const [file] = manifestsIn<ConfigFile>(`${KUBERNETES}/gateway/gateway.yaml`);
    expect(values?.gateway.accounts).toEqual(file?.accounts);
  });
});

describe.runIf(systemHas("helm"))("the chart", () => {
  it.each(Object.entries(CHOICES))("makes the Deployment of kubernetes/%s", (folder, values) => {
    const deployment = only(rendered(values), "Deployment");
    expect(comparable(deployment)).toEqual(comparable(patchedDeployment(folder)));
  });

  it.each([
    ["service.yaml", "Service"],
    ["disruption-budget.yaml", "PodDisruptionBudget"],
    ["service-account.yaml", "ServiceAccount"],
    ["network-policy.yaml", "NetworkPolicy"],
  ])("makes what is in kubernetes/gateway/%s", (file, kind) => {
    expect(only(rendered([]), kind)).toEqual(manifestIn(`${KUBERNETES}/gateway/${file}`, kind));
  });

  it("makes the volume of kubernetes/sqlite, and keeps it; or mounts one that exists", () => {
    const sqlite = CHOICES["sqlite"] ?? [];
    const { metadata, ...claim } = only(rendered(sqlite), "PersistentVolumeClaim");
    expect(metadata).toMatchObject({ annotations: { "helm.sh/resource-policy": "keep" } });
    const { metadata: _, ...expected } = manifestIn(`${KUBERNETES}/sqlite/volume.yaml`, "PersistentVolumeClaim");
    expect(claim).toEqual(expected);
    const others = rendered([...sqlite, "state.sqlite.existingClaim=mine"]);
    expect(others.filter(({ kind }) => kind === "PersistentVolumeClaim")).toEqual([]);
    const { volumes } = only(others, "Deployment").spec.template.spec;
    expect(volumes).toContainEqual({ name: "state", persistentVolumeClaim: { claimName: "mine" } });
  });

  it("opens the network to the stores that are chosen, and to no others", () => {
    const portsOf = (values: readonly string[]) =>
      only(rendered(values), "NetworkPolicy").spec.egress.map(({ ports: [first] }) => first?.port);
    expect(portsOf([])).toEqual([53, 6379, 443, 4318]);
    expect(portsOf(["state.kind=postgres"])).toEqual([53, 6379, 443, 4318, 5432]);
    expect(portsOf(["redis.existingSecret=", "otlpEndpoint="])).toEqual([53, 443]);
    const without = rendered(["networkPolicy.enabled=false"]);
    expect(without.filter(({ kind }) => kind === "NetworkPolicy")).toEqual([]);
  });

  it('lets in only the callers that are given (was: "*" of the default stayed beside them, and let in everybody)', () => {
    const callersOf = (file?: string) => {
      const { data } = only(rendered([], file), "ConfigMap") as unknown as { data: Record<string, string> };
      return documentsOf<ConfigFile>(data["gateway.yaml"] ?? "")[0]?.callers;
    };
    expect(callersOf()).toEqual({ "*": {} });
    const own = { "release-manager": { stop_rollouts: true } };
    expect(callersOf(JSON.stringify({ gateway: { callers: own } }))).toEqual(own);
  });

  it("opens the network to the peers that are given, and to no others (was: to both, which Kubernetes refuses)", () => {
    const peers = ["10.0.0.7/32", "10.0.0.8/32"].map((cidr) => ({ ipBlock: { cidr } }));
    const values = { redis: { peer: peers[0] }, state: { kind: "postgres", postgres: { peer: peers[1] } } };
    const { egress } = only(rendered([], JSON.stringify(values)), "NetworkPolicy").spec;
    expect(egress.filter(({ ports: [first] }) => [6379, 5432].includes(Number(first?.port)))).toEqual([
      { to: [peers[0]], ports: [{ protocol: "TCP", port: 6379 }] },
      { to: [peers[1]], ports: [{ protocol: "TCP", port: 5432 }] },
    ]);
  });

  it("writes settings as their values do (was: 2e+06 for two million, with which no gateway starts)", () => {
    const settings = {
      OTA_MAX_QUEUED_DEVICES: 2_000_000,
      OTA_OPERATION_RETENTION: "3d",
      OTEL_TRACES_SAMPLER_ARG: 0.25,
    };
    const { env } = onlyContainer(only(rendered([], JSON.stringify({ settings })), "Deployment"));
    for (const [name, value] of Object.entries(settings)) expect(env).toContainEqual({ name, value: String(value) });
  });

  it("gives a gateway that drains for longer as much more time (was: 45 s, whatever the setting)", () => {
    const graceOf = (values: readonly string[]) =>
      only(rendered(values), "Deployment").spec.template.spec.terminationGracePeriodSeconds;
    expect(graceOf(["settings.OTA_DRAIN_TIMEOUT_MS=60000"])).toBe(graceOf([]) + 35);
  });

  it("passes settings on as text, and replaces the gateways when their file changes", () => {
    const deployment = only(rendered(["settings.OTA_MAX_OPERATIONS_PER_CALLER=5"]), "Deployment");
    expect(onlyContainer(deployment).env).toContainEqual({ name: "OTA_MAX_OPERATIONS_PER_CALLER", value: "5" });
    const checksum = (values: readonly string[]) => {
      const { metadata } = only(rendered(values), "Deployment").spec.template;
      return (metadata as unknown as { annotations: Record<string, string> }).annotations["checksum/config"];
    };
    expect(checksum(["gateway.accounts.default.quota=5"])).not.toBe(checksum([]));
  });

  it.each([
    [["state.kind=sqlite"], "use postgres"],
    [["state.kind=files"], "it has to be one of none, sqlite, postgres"],
    [["state.kind=postgres", "state.postgres.existingSecret="], "needs state.postgres.existingSecret"],
    [["replicas=0"], "at least one is needed"],
  ])("refuses %j, and says what to do", (values, text) => {
    const { status, stderr } = helm("template", values);
    expect(status).not.toBe(0);
    expect(stderr).toContain(text);
  });

  it("has nothing that helm lint complains of", () => {
    const { status, stdout } = helm("lint", []);
    expect(stdout).not.toMatch(/\[(ERROR|WARNING)\]/);
    expect(status).toBe(0);
  });
});
