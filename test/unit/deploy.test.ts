// What deploy/ and its documents say, held against the code: settings, ports, paths, times and rights.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { cancelCommand } from "../../src/cli/cancel.js";
import { stopCommand } from "../../src/cli/stop.js";
import { callersOf } from "../../src/config/callers.js";
import { type Environment, readConfig } from "../../src/config/config.js";
import { SETTINGS } from "../../src/config/settings.js";
import { unknownSettings } from "../../src/config/unknown-settings.js";
import { LEDGER_SCRIPT } from "../../src/limiter/shared/ledger-script.js";
import { countsForMs, FENCE_MS } from "../../src/limiter/token-rule.js";
import { RUNBOOK } from "../../src/observe/admin/runbook.js";
import { serve } from "../../src/serve/serve.js";
import { configOf, KUBERNETES, onlyContainer, variablesOf } from "../support/deployed.js";
import { FakeLog } from "../support/fake-log.js";
import {
  type Compose,
  type Container,
  documentsOf,
  filesBelow,
  interpolated,
  type Kustomization,
  manifestIn,
  manifestsIn,
  type PodSpec,
} from "../support/manifests.js";

const textOf = (path: string) => readFileSync(path, "utf8");
const policyOf = (path: string) => manifestIn(path, "NetworkPolicy").spec;
const dockerfile = textOf("Dockerfile");

const deployment = manifestIn(`${KUBERNETES}/gateway/deployment.yaml`, "Deployment");
const statefulSet = manifestIn(`${KUBERNETES}/redis/redis.yaml`, "StatefulSet");
const [compose] = manifestsIn<Compose>("deploy/compose.yaml") as [Compose];
const gateway = onlyContainer(deployment);
const redis = onlyContainer(statefulSet);

const services = Object.entries(compose.services);
const composed = services.filter(([name]) => name.startsWith("gateway-"));
const deployed = variablesOf(gateway);
const environments: [string, Environment][] = [
  ...composed.map(([name, { environment = {} }]): [string, Environment] => [
    `${name} of compose.yaml`,
    Object.fromEntries(Object.entries(environment).map(([variable, value]) => [variable, interpolated(value)])),
  ]),
  ["the Deployment", deployed],
];

/** The steps in which a gateway ends, at most, as docs/operations.md lists them. */
const ENDING_MS = [
  ...(/^\| step \| at most \|$.*?^$/ms.exec(textOf("docs/operations.md"))?.[0] ?? "").matchAll(/\| ([\d.]+) s \|$/gm),
].map(([, seconds]) => Number(seconds) * 1000);
const endMs = ENDING_MS.reduce((sum, ms) => sum + ms, 0);

describe("the files of deploy/", () => {
  it("are YAML, and name no setting that does not exist", () => {
    const known: readonly string[] = Object.values(SETTINGS).map(({ variable }) => variable);
    for (const path of filesBelow("deploy").filter((each) => /^deploy\/(compose|otel|kubernetes|README)/.test(each))) {
      if (path.endsWith(".yaml")) expect(manifestsIn(path).length, path).toBeGreaterThan(0);
      for (const [name] of textOf(path).matchAll(/\bOTA_\w+/g)) expect(known, path).toContain(name);
    }
  });

  it.each(environments)("%s: every setting is read without a mistake", (_, variables) => {
    expect(unknownSettings(variables)).toEqual([]);
    expect(() => configOf(variables)).not.toThrow();
  });

  it.each(environments)("%s: has a token, so that the page can be seen (was: 403 for everybody)", (_, variables) => {
    expect(configOf(variables).adminToken).not.toBe("");
  });

  it("run everything as user 65532, with a read-only root and nothing to gain", () => {
    expect(dockerfile).toContain("\nUSER 65532:65532\n");
    for (const { spec } of [deployment, statefulSet]) {
      expect(spec.template.spec.securityContext).toEqual({
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        fsGroup: 65532,
        seccompProfile: { type: "RuntimeDefault" },
      });
    }
    for (const { securityContext } of [gateway, redis]) {
      expect(securityContext).toEqual({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      });
    }
    for (const [name, service] of services) {
      expect(service, name).toMatchObject({
        user: "65532:65532",
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
      });
    }
  });

  it("give no pod a token of Kubernetes", () => {
    for (const { spec } of [deployment, statefulSet])
      expect(spec.template.spec.automountServiceAccountToken).toBe(false);
  });

  it("leave a gateway more time to end than it takes (was: they forgot that it leaves its operations)", () => {
    const { drainTimeoutMs } = configOf(deployed);
    const lengthOf = (file: string, name: string) => {
      const [, ms = ""] = new RegExp(`^const ${name} = ([\\d_]+);`, "m").exec(textOf(file)) ?? [];
      return Number(ms.replaceAll("_", ""));
    };
    const lastCallsMs = lengthOf("src/serve/serve.ts", "LAST_CALLS_MS");
    const lastWordsMs = lengthOf("src/serve/serve.ts", "LAST_WORDS_MS");
    const lastLinesMs = lengthOf("src/observe/audit/audit-log.ts", "LAST_LINES_MS");
    const lastSpansMs = lengthOf("src/observe/telemetry/sdk.ts", "SHUTDOWN_MS");
    expect(ENDING_MS).toEqual([drainTimeoutMs, lastCallsMs, lastWordsMs, lastLinesMs, lastCallsMs, lastSpansMs]);
    const afterwards = `${(endMs - drainTimeoutMs) / 1000} s`;
    expect(textOf("docs/container.md")).toContain(`then needs up to ${afterwards}\n`);
    for (const path of ["deploy/compose.yaml", `${KUBERNETES}/gateway/deployment.yaml`])
      expect(textOf(path)).toMatch(new RegExp(`25 s of draining.* ${afterwards} `, "s"));
    const sleepMs = (gateway.lifecycle?.preStop.sleep.seconds ?? 0) * 1000;
    expect(deployment.spec.template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(sleepMs + endMs);
    for (const [, { stop_grace_period: grace = "" }] of composed) {
      expect(Number(/^(\d+)s$/.exec(grace)?.[1]) * 1000).toBeGreaterThan(endMs);
    }
  });
});

describe("the manifests", () => {
  const portOf = (container: Container, name: unknown) =>
    container.ports.find((each) => each.name === name)?.containerPort;

  it("name the ports that the gateway listens on, everywhere", () => {
    const { listen, adminListen, upstreamUrl, redisUrls } = configOf(deployed);
    expect(gateway.ports).toEqual([
      { name: "grpc", containerPort: listen.port },
      { name: "admin", containerPort: adminListen?.port },
    ]);
    const { ports } = manifestIn(`${KUBERNETES}/gateway/service.yaml`, "Service").spec;
    expect(ports).toEqual([{ name: "grpc", port: listen.port, targetPort: "grpc" }]);
    const { ingress, egress } = policyOf(`${KUBERNETES}/gateway/network-policy.yaml`);
    expect(ingress.map(({ ports: [first] }) => portOf(gateway, first?.port))).toEqual([listen.port, adminListen?.port]);
    const collectorPort = Number(new URL(deployed["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "").port);
    const upstreamPort = Number(upstreamUrl.port || (upstreamUrl.protocol === "https:" ? 443 : 80));
    const redisPort = Number(redisUrls[0]?.port);
    expect(egress.map(({ ports: [first] }) => first?.port)).toEqual([53, redisPort, upstreamPort, collectorPort]);
    expect(portOf(redis, "redis")).toBe(redisPort);
    expect(policyOf(`${KUBERNETES}/redis/redis.yaml`).ingress.map(({ ports: [first] }) => first?.port)).toEqual([
      "redis",
    ]);
    expect(manifestIn(`${KUBERNETES}/redis/redis.yaml`, "Service").spec.ports[0]?.port).toBe(redisPort);
  });

  it("probe what the admin port answers: only readiness asks for the ledger", async () => {
    const { startupProbe, readinessProbe, livenessProbe } = gateway;
    const asked = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe?.httpGet);
    expect(asked.map((each) => each?.path)).toEqual(["/livez", "/readyz", "/livez"]);
    expect(new Set(asked.map((each) => each?.port))).toEqual(new Set(["admin"]));
    const loopback = { OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0", OTA_STARTUP_CHECK: "0" };
    const keys = { ALIBABA_CLOUD_ACCESS_KEY_ID: "testid", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret" };
    const serving = await serve(readConfig(loopback), new FakeLog(), keys);
    const statusOf = async (path: string) => (await fetch(`http://${serving.admin}${path}`)).status;
    expect(await statusOf("/livez")).toBe(200);
    expect([200, 503]).toContain(await statusOf("/readyz"));
    await serving.stop();
  });

  it.each([
    ["gateway", deployment],
    ["redis", statefulSet],
  ])("of %s select the pods that there are", (folder, workload) => {
    const { selector, template } = workload.spec;
    expect(selector.matchLabels).toEqual(template.metadata.labels);
    for (const { labelSelector } of template.spec.topologySpreadConstraints ?? []) {
      expect(labelSelector).toEqual(selector);
    }
    const others = filesBelow(`${KUBERNETES}/${folder}`)
      .filter((path) => path.endsWith(".yaml"))
      .flatMap((path) => manifestsIn(path))
      .filter(({ kind }) => ["Service", "PodDisruptionBudget", "NetworkPolicy"].includes(kind));
    expect(others.length).toBeGreaterThanOrEqual(2);
    for (const { kind, spec } of others) {
      const selected = kind === "NetworkPolicy" ? spec.podSelector.matchLabels : spec.selector.matchLabels;
      expect(kind === "Service" ? spec.selector : selected, kind).toEqual(template.metadata.labels);
    }
  });

  it.each([
    ["gateway", deployment],
    ["redis", statefulSet],
  ])("of %s are all in its kustomization, which makes what they mount", (folder, workload) => {
    const at = (name: string) => `${KUBERNETES}/${folder}/${name}`;
    const [kustomization] = manifestsIn<Kustomization>(at("kustomization.yaml")) as [Kustomization];
    const generated = kustomization.configMapGenerator ?? [];
    const listed = [...kustomization.resources, ...generated.flatMap(({ files }) => files)];
    expect(listed.map(at).toSorted()).toEqual(
      filesBelow(`${KUBERNETES}/${folder}`)
        .filter((path) => path !== at("kustomization.yaml"))
        .toSorted(),
    );
    const { containers, volumes } = workload.spec.template.spec;
    expect(containers.map(({ image }) => image)).toEqual(kustomization.images?.map(({ name }) => name));
    expect(volumes.flatMap(({ configMap }) => configMap?.name ?? [])).toEqual(generated.map(({ name }) => name));
  });

  it("take from secrets what the commands of deploy/README.md put there", () => {
    const commands = textOf("deploy/README.md").replaceAll("\\\n", " ");
    const keysOf = (secret: string) =>
      [...commands.matchAll(new RegExp(`^kubectl create secret generic ${secret} (.*(?:\n.+)*)`, "gm"))].flatMap(
        ([, options = ""]) => [...options.matchAll(/--from-(?:literal|file)=([\w.-]+)/g)].map(([, key]) => key),
      );
    const references = (gateway.env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
    expect(references).toHaveLength(2);
    for (const { name, key } of references) expect(keysOf(name), name).toContain(key);
  });

  it("mount the files where they are looked for", () => {
    const mountOf = (container: Container, { volumes }: PodSpec, kind: "configMap" | "secret") =>
      container.volumeMounts.find(({ name }) => volumes.some((volume) => volume.name === name && volume[kind]));
    const { spec } = deployment.spec.template;
    const config = configOf(deployed);
    expect(deployed["OTA_CONFIG"]).toBe(join(mountOf(gateway, spec, "configMap")?.mountPath ?? "", "gateway.yaml"));
    expect([...config.accounts.values()].map(({ credentials }) => credentials)).toEqual([
      { kind: "files", directory: mountOf(gateway, spec, "secret")?.mountPath },
    ]);
    const users = mountOf(redis, statefulSet.spec.template.spec, "secret")?.mountPath;
    expect(textOf(`${KUBERNETES}/redis/redis.conf`)).toContain(`\naclfile ${users}/users.acl\n`);
    for (const { volumes } of [spec, statefulSet.spec.template.spec]) {
      for (const { secret } of volumes) if (secret) expect(secret.defaultMode).toBe(0o440);
    }
  });
});

describe.each(["README.md", "docs/container.md"])("the docker run of %s", (path) => {
  const [command = ""] = /docker run -d .*$/m.exec(textOf(path).replaceAll("\\\n", " ")) ?? [];
  const [, port, , volume] = /-p 127\.0\.0\.1:(\d+):(\d+) +-v ota-gateway:(\S+) /.exec(command) ?? [];
  const variables = [...command.matchAll(/-e (\w+)(?:=(\S+))?/g)].map(([, name = "", value = "given"]) => [
    name,
    value,
  ]);

  it("keeps the operations on a volume that the image's user may write", () => {
    const [, owner, folder] = /^COPY --from=build --chown=(\S+) \/state (\S+)$/m.exec(dockerfile) ?? [];
    expect(volume).toBe(folder);
    expect(dockerfile).toContain(`\nUSER ${owner}\n`);
    const { OTA_STATE: state = "" } = Object.fromEntries(variables) as Record<string, string>;
    expect(dirname(state)).toBe(folder);
  });

  it("starts the gateway on the port that it publishes, and gives it the time to drain", () => {
    const image = Object.fromEntries([...dockerfile.matchAll(/\b(OTA_\w+)=(\S+)/g)].map((match) => match.slice(1)));
    const here = variables.filter(([name = ""]) => !name.startsWith("OTA_TLS_")); // whose files are the container's
    const environment = { ...image, ...Object.fromEntries(here), OTA_INSECURE: "1" };
    const { listen } = configOf(environment);
    expect(String(listen.port)).toBe(port);
    expect(Number(/--stop-timeout (\d+)/.exec(command)?.[1]) * 1000).toBeGreaterThan(endMs);
  });
});

describe("compose.yaml", () => {
  it("publishes on loopback only, and what containers listen on", () => {
    const published = services.flatMap(([, { ports = [] }]) => ports);
    for (const each of published) expect(each).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    for (const [, { environment = {}, ports = [] }] of composed) {
      const { listen, adminListen } = configOf(environment);
      expect(ports.map((each) => Number(each.split(":")[2]))).toEqual([listen.port, adminListen?.port]);
    }
  });

  it("leads the gateways to the services beside them, with the emulator's keys", () => {
    for (const [, { environment = {} }] of composed) {
      const { upstreamUrl, redisUrls, state } = configOf(environment);
      const collector = new URL(environment["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "");
      for (const { hostname } of [upstreamUrl, ...redisUrls, new URL(state), collector])
        expect(compose.services).toHaveProperty(hostname);
      expect(environment).toMatchObject({
        ALIBABA_CLOUD_ACCESS_KEY_ID: "testid",
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret",
      });
    }
  });

  it("makes the database and the user of the gateways, and scrapes both of them", () => {
    const { POSTGRES_USER, POSTGRES_PASSWORD } = compose.services["postgres"]?.environment ?? {};
    const [scraping] = manifestsIn<{
      readonly scrape_configs: readonly {
        readonly static_configs: readonly { readonly targets: readonly string[] }[];
      }[];
      readonly rule_files: readonly string[];
    }>("deploy/prometheus/prometheus.yaml");
    for (const file of scraping?.rule_files ?? []) expect(existsSync(join("deploy/prometheus", file))).toBe(true);
    const targets = scraping?.scrape_configs.flatMap(({ static_configs: [first] }) => first?.targets ?? []);
    expect(targets).toEqual(
      composed.map(([name, { environment = {} }]) => `${name}:${configOf(environment).adminListen?.port}`),
    );
    for (const [, { environment = {} }] of composed) {
      const { username, password, pathname } = new URL(configOf(environment).state);
      expect([username, password, pathname]).toEqual([POSTGRES_USER, POSTGRES_PASSWORD, `/${POSTGRES_USER}`]);
    }
  });

  it("builds from the images that the Dockerfile names, unless told otherwise", () => {
    const defaults = Object.fromEntries(
      [...dockerfile.matchAll(/^ARG (\w+_IMAGE)=(\S+)$/gm)].map((match) => match.slice(1)),
    );
    for (const [, { build }] of composed) {
      const args = Object.entries(build?.args ?? {}).map(([name, value]) => [name, value.match(/:-(.+)}$/)?.[1]]);
      expect(Object.fromEntries(args)).toEqual(defaults);
    }
  });
});

describe("the commands of deploy/README.md to look at the gateways and to cancel by hand", () => {
  const [, section = ""] = /^## Look at it, and cancel by hand\n(.*?)^## /ms.exec(textOf("deploy/README.md")) ?? [];
  const commands = section.replaceAll("\\\n", " ");
  const service = manifestIn(`${KUBERNETES}/gateway/service.yaml`, "Service");

  it("name the Deployment, its ports, its pods and its secret", () => {
    const { listen, adminListen } = configOf(deployed);
    const forwarded = [...commands.matchAll(/port-forward deployment\/(\S+) (\d+)/g)].map(([, ...both]) => both);
    expect(forwarded).toEqual([
      [deployment.metadata.name, String(adminListen?.port)],
      [deployment.metadata.name, String(listen.port)],
    ]);
    expect(commands).toContain(`port-forward "$pod" 9465:${adminListen?.port} `);
    const [[label, value] = []] = Object.entries(deployment.spec.selector.matchLabels);
    expect(commands).toContain(`get pods -l ${label}=${value} `);
    const token = gateway.env?.find(({ name }) => name === "OTA_ADMIN_TOKEN")?.valueFrom?.secretKeyRef;
    const secrets = [...commands.matchAll(/get secret (\S+) --template='.*\{\{\.data\.(\w+) /g)];
    expect(secrets.map(([, name, key]) => ({ name, key }))).toEqual([token, token]);
  });

  it("run a pod that the network policy lets in, with the address of the service", () => {
    const [ingress] = policyOf(`${KUBERNETES}/gateway/network-policy.yaml`).ingress;
    const [[label, value] = []] = Object.entries(ingress?.from?.[0]?.podSelector?.matchLabels ?? {});
    expect(commands).toContain(`--labels=${label}=${value} `);
    expect(commands).toContain(`--address ${service.metadata.name}:${service.spec.ports[0]?.port} `);
  });

  it("give flags that the command has", () => {
    const known = new Map(
      [cancelCommand(), stopCommand()].map((command) => [command.name(), command.options.map(({ long }) => long)]),
    );
    const lines = [...commands.matchAll(/(?:cli\.js|--) (cancel|stop) (.*)/g)];
    expect(lines.map(([, name]) => name)).toEqual(["cancel", "stop", "cancel"]);
    for (const [line, name = ""] of lines) {
      for (const [flag] of line.matchAll(/(?<=\s)--[a-z-]+/g)) expect(known.get(name), line).toContain(flag);
    }
  });

  it("name a caller that may stop rollouts once its line in gateway.yaml is no comment", () => {
    const [, caller = ""] = / stop .*--caller (\S+)/.exec(commands) ?? [];
    const text = textOf(`${KUBERNETES}/gateway/gateway.yaml`).replace(`# ${caller}:`, `${caller}:`);
    const [file] = documentsOf<{ readonly callers: object }>(text);
    const wrong = (where: string, expected: string) => expect.fail(`${where}: ${expected}`);
    expect(callersOf(file?.callers, new Set(["default"]), wrong).get(caller)?.stopRollouts).toBe(true);
  });
});

describe.each(["docs/operations.md", "deploy/README.md"])("%s", (path) => {
  const text = textOf(path);

  it("links to what there is", () => {
    const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    for (const [, target = ""] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (target.startsWith("#")) expect(anchors).toContain(target.slice(1));
      else expect(existsSync(join(dirname(path), target.replace(/#.*/, ""))), target).toBe(true);
    }
  });

  it("gives the gateways' user of Redis all that they need there", () => {
    const rights = /^user ota-gateway on .* (~\S+ &\S+) -@all (.+?)"?$/m.exec(text);
    expect(rights?.[1]).toBe("~ota-gateway:* &ota-gateway:*");
    const inScript = [...LEDGER_SCRIPT.matchAll(/redis\.call\('(\w+)'/g)].map(([, command = ""]) =>
      command.toLowerCase(),
    );
    const needed = new Set(["evalsha", "eval", "publish", "subscribe", ...inScript]);
    expect(rights?.[2]?.split(" ").toSorted()).toEqual([...needed].map((command) => `+${command}`).toSorted());
  });
});

describe("docs/operations.md", () => {
  it("says how long the default call timeout makes the ledger's times", () => {
    const { upstreamTimeoutMs } = readConfig({});
    const [opening, lease] = [countsForMs(upstreamTimeoutMs), countsForMs(upstreamTimeoutMs) + FENCE_MS];
    expect(textOf("docs/operations.md")).toContain(`**${opening / 1000} s**`);
    expect(textOf("docs/operations.md")).toContain(`For ${lease / 1000} s`);
  });
});

describe("the image", () => {
  it("has each document that the admin port serves, without which no gateway starts", () => {
    const documents = [...RUNBOOK.keys()].map((path) => `docs/${basename(path)}`);
    expect(documents).toContain("docs/rollouts.md");
    expect(dockerfile).toContain(`\nCOPY ${documents.join(" ")} docs/\n`);
    for (const each of documents) expect(textOf(".dockerignore").split("\n")).toContain(`!${each}`);
  });
});

describe("the trial of the image", () => {
  it("imports what there is: no compiler looks at it, and it takes minutes to run (was: a client by an earlier name)", async () => {
    const script = textOf("deploy/try-image.mjs");
    const imports = [...script.matchAll(/^import \{ (.+) \} from "\.\.\/dist\/(.+)\.js";$/gm)];
    expect(imports.length).toBeGreaterThan(1);
    for (const [line, names = "", path = ""] of imports) {
      const there = Object.keys((await import(resolve("src", `${path}.ts`))) as object);
      expect(there, line).toEqual(expect.arrayContaining(names.split(", ")));
    }
  });
});
