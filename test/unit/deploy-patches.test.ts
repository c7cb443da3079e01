// The folders of deploy/kubernetes that patch the gateway of another: what comes out, held against the code.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Environment, readConfig } from "../../src/config/config.js";
import { unknownSettings } from "../../src/config/unknown-settings.js";
import { serve } from "../../src/serve/serve.js";
import { createCertificateAuthority, type Pair } from "../support/certificate-authority.js";
import { configOf, KUBERNETES, onlyContainer, patchedDeployment, variablesOf } from "../support/deployed.js";
import { FakeLog } from "../support/fake-log.js";
import { manifestIn } from "../support/manifests.js";
import { createTlsCaller } from "../support/tls-caller.js";

const readme = readFileSync("deploy/README.md", "utf8");
const original = manifestIn(`${KUBERNETES}/gateway/deployment.yaml`, "Deployment");

describe("the gateway of kubernetes/single", () => {
  const single = patchedDeployment("single");

  it("is one, and is gone before the next one starts", () => {
    const { replicas, strategy, template, ...others } = single.spec;
    expect({ replicas, strategy }).toEqual({ replicas: 1, strategy: { type: "Recreate" } });
    const { selector, minReadySeconds } = original.spec;
    expect(others).toEqual({ selector, minReadySeconds });
    expect(template.metadata).toEqual(original.spec.template.metadata);
  });

  it("has no address of a Redis, and is the original in all else", () => {
    const { env, ...container } = onlyContainer(original);
    expect(onlyContainer(single)).toEqual({
      ...container,
      env: env?.filter(({ name }) => name !== "OTA_REDIS_URL"),
    });
    expect(configOf(variablesOf(onlyContainer(single))).redisUrls).toEqual([]);
    const pod = { ...original.spec.template.spec, containers: [onlyContainer(single)] };
    expect(single.spec.template.spec).toEqual(pod);
  });
});

describe("the gateway of kubernetes/sqlite", () => {
  const sqlite = patchedDeployment("sqlite");
  const single = patchedDeployment("single");
  const claim = manifestIn(`${KUBERNETES}/sqlite/volume.yaml`, "PersistentVolumeClaim");

  it("is the single one with a volume that no second pod gets, and is the same in all else", () => {
    const { containers: _, volumes, securityContext, ...rest } = single.spec.template.spec;
    const container = onlyContainer(sqlite);
    expect(sqlite.spec).toEqual({ ...single.spec, template: sqlite.spec.template });
    expect(sqlite.spec.template.spec).toEqual({
      ...rest,
      securityContext: { ...securityContext, fsGroupChangePolicy: "OnRootMismatch" },
      containers: [container],
      volumes: [...volumes, { name: "state", persistentVolumeClaim: { claimName: claim.metadata.name } }],
    });
    const before = onlyContainer(single);
    const state = container.env?.filter(({ name }) => name === "OTA_STATE") ?? [];
    const mount = { name: "state", mountPath: "/var/lib/ota-gateway" };
    expect(container).toEqual({
      ...before,
      env: [...(before.env ?? []), ...state],
      volumeMounts: [...before.volumeMounts, mount],
    });
    expect(claim.spec.accessModes).toEqual(["ReadWriteOncePod"]);
  });

  it("keeps its operations on the volume: the root is read-only", () => {
    const { state, redisUrls } = configOf(variablesOf(onlyContainer(sqlite)));
    const mount = onlyContainer(sqlite).volumeMounts.find(({ name }) => name === "state");
    expect(dirname(state)).toBe(mount?.mountPath);
    expect(redisUrls).toEqual([]);
  });
});

describe("the gateway of kubernetes/postgres", () => {
  const postgres = patchedDeployment("postgres");
  const gateway = onlyContainer(postgres);
  const reference = gateway.env?.find(({ name }) => name === "OTA_STATE")?.valueFrom?.secretKeyRef;

  it("differs from the original in the address of the database alone", () => {
    const before = onlyContainer(original);
    const state = gateway.env?.filter(({ name }) => name === "OTA_STATE") ?? [];
    expect(gateway).toEqual({ ...before, env: [...(before.env ?? []), ...state] });
    const pod = { ...original.spec.template.spec, containers: [gateway] };
    expect(postgres.spec).toEqual({ ...original.spec, template: { ...original.spec.template, spec: pod } });
  });

  it("takes the address from the secret that deploy/README.md makes", () => {
    const [command = ""] = /^kubectl create secret generic ota-gateway-state (?:.*\\\n)*.*$/m.exec(readme) ?? [];
    expect(command).toContain(` ${reference?.name} `);
    expect(command).toContain(`--from-literal=${reference?.key}=`);
    const [, address = ""] = /=url="([^"]+)"|url='([^']+)'/.exec(command) ?? [];
    expect(configOf({ ...variablesOf(gateway), OTA_STATE: address }).state).toBe(address);
  });

  it("may reach the port of the database, beside what it may reach already", () => {
    const policy = manifestIn(`${KUBERNETES}/postgres/network-policy.yaml`, "NetworkPolicy").spec;
    expect(policy.podSelector.matchLabels).toEqual(original.spec.template.metadata.labels);
    expect(policy.egress.map(({ ports: [first] }) => first?.port)).toEqual([5432]);
  });
});

describe("the gateway of kubernetes/tls", () => {
  const tls = patchedDeployment("tls");
  const gateway = onlyContainer(tls);
  const pod = tls.spec.template.spec;
  const mount = gateway.volumeMounts.find(({ name }) => name === "tls");
  const authority = createCertificateAuthority();

  /** Its variables of TLS, where the secret is mounted at a folder of ours with the files that such a secret has. */
  function mounted(): Environment {
    const folder = mkdtempSync(join(tmpdir(), "ota-gateway-deployed-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { cert, key } = authority.issue({ dns: ["localhost"] });
    for (const [name, pem] of Object.entries({ "tls.crt": cert, "tls.key": key, "ca.crt": authority.cert })) {
      writeFileSync(join(folder, name), pem);
    }
    const own = Object.entries(variablesOf(gateway)).filter(([name]) => name.startsWith("OTA_TLS_"));
    return Object.fromEntries(own.map(([name, path]) => [name, path?.replace(mount?.mountPath ?? "", folder)]));
  }

  it("differs from the original in what TLS takes: ports, probes, rights and times stay", () => {
    const before = onlyContainer(original);
    expect({ ...gateway, env: [], volumeMounts: [] }).toEqual({ ...before, env: [], volumeMounts: [] });
    expect(gateway.volumeMounts).toEqual([...before.volumeMounts, mount]);
    const { containers: _, volumes, ...rest } = original.spec.template.spec;
    const secret = { secretName: "ota-gateway-tls", defaultMode: 0o440 };
    expect(pod).toEqual({ ...rest, containers: [gateway], volumes: [...volumes, { name: "tls", secret }] });
    expect({ ...tls.spec, template: {} }).toEqual({ ...original.spec, template: {} });
  });

  it("mounts the secret as a whole, or it would never be updated", () => {
    expect(mount).toEqual({ name: "tls", mountPath: expect.stringMatching(/^\/run\/secrets\//), readOnly: true });
  });

  it("reads the files of the secret, and does not start without them: plain text is not allowed", () => {
    const variables = { ...variablesOf(gateway), ...mounted() };
    expect(unknownSettings(variables)).toEqual([]);
    const config = configOf(variables);
    expect(config.insecure).toBe(false);
    expect([config.tlsCert, config.tlsKey, config.tlsClientCa].map((path) => basename(path))).toEqual([
      "tls.crt",
      "tls.key",
      "ca.crt",
    ]);
    const without = { OTA_TLS_CERT: "", OTA_TLS_KEY: "", OTA_TLS_CLIENT_CA: "" };
    expect(() => configOf({ ...variables, ...without })).toThrow("nothing is encrypted");
  });

  it("finds them in the secret that deploy/README.md makes", () => {
    const [command = ""] = /^kubectl create secret generic ota-gateway-tls (?:.*\\\n)*.*$/m.exec(readme) ?? [];
    expect(command).toContain("--type=kubernetes.io/tls");
    const files = [...command.matchAll(/--from-file=(\S+)/g)].map(([, name]) => name);
    expect(files).toEqual(Object.values(mounted()).map((path) => basename(path ?? "")));
  });

  it("lets in who shows a certificate, nobody else, and answers probes that have none", async () => {
    const loopback = { OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0", OTA_STARTUP_CHECK: "0" };
    const keys = { ALIBABA_CLOUD_ACCESS_KEY_ID: "testid", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret" };
    const serving = await serve(readConfig({ ...mounted(), ...loopback }), new FakeLog(), keys);
    onTestFinished(() => serving.stop());
    const address = serving.grpc.replace("127.0.0.1", "localhost");
    const ask = async (pair?: Pair) => {
      const caller = createTlsCaller(address, authority.cert, pair);
      onTestFinished(() => caller.close());
      return (await caller.ask()).callsPerSecond;
    };
    expect(await ask(authority.issue({ uris: ["spiffe://corp.example/fleet"] }))).toBe(10);
    await expect(ask()).rejects.toThrow();
    await expect(fetch(`http://${serving.grpc}`)).rejects.toThrow();
    const { livenessProbe, startupProbe } = gateway;
    for (const probe of [livenessProbe, startupProbe]) {
      expect((await fetch(`http://${serving.admin}${probe?.httpGet?.path}`)).status).toBe(200);
    }
  });
});
