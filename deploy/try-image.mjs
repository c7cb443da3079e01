// Runs an unpacked image with the OCI runtime runc as `docker run --read-only --cap-drop ALL
// --security-opt no-new-privileges` would, with the image's own user, command, variables and health
// check, beside an emulator from the same image. Ends with 0 only if all checks below pass. Called
// by deploy/build-image.sh in a network namespace of its own, so that the image's own ports are
// free.
//
// usage: node deploy/try-image.mjs ROOT IMAGE.json FOLDER
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../dist/client/client.js";
import { DEFAULTS } from "../dist/emulator/options.js";
import { seededName } from "../dist/emulator/state/seeded-name.js";

const USER = 65532;
const DEVICES = 4000;
const [root, imageFile, folder] = process.argv.slice(2);
const { config } = JSON.parse(readFileSync(imageFile, "utf8")).Docker;
const runc = ["--root", join(folder, "state")];

const NOTHING = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };

function processOf(args, variables = {}) {
  const env = [...config.Env, ...Object.entries(variables).map(([name, value]) => `${name}=${value}`)];
  const [uid, gid] = config.User.split(":").map(Number);
  return { user: { uid, gid }, args, env, cwd: config.WorkingDir, capabilities: NOTHING, noNewPrivileges: true };
}

/** A container from the image; its network is ours. */
function start(name, command, variables, mounts = []) {
  const bundle = join(folder, name);
  mkdirSync(bundle, { recursive: true });
  const specification = {
    ociVersion: "1.0.2",
    root: { path: root, readonly: true },
    process: processOf([...config.Entrypoint, ...command], variables),
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
      ...mounts,
    ],
    linux: { namespaces: ["pid", "mount", "ipc", "uts"].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(specification));
  const log = openSync(join(bundle, "log"), "a");
  const child = spawn("runc", [...runc, "run", "--bundle", bundle, name], { stdio: ["ignore", "pipe", log] });
  const ended = once(child, "exit").then(([code]) => code);
  const said = async (pattern) => {
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) if (pattern.test(chunk)) return;
    throw new Error(`${name} ended without ${pattern}:\n${readFileSync(join(bundle, "log"), "utf8")}`);
  };
  return { name, ended, said, kill: (signal) => spawnSync("runc", [...runc, "kill", name, signal]) };
}

/** Runs a command in a running container, as the image's user. */
function run({ name }, args) {
  const file = join(folder, "process.json");
  writeFileSync(file, JSON.stringify(processOf(args)));
  return spawnSync("runc", [...runc, "exec", "--process", file, name], { encoding: "utf8" });
}

function claim(text) {
  console.log(`  ${text}`);
}

mkdirSync(folder, { recursive: true });
spawnSync("ip", ["link", "set", "lo", "up"]);

const names = readdirSync(join(root, "app"), { recursive: true });
const files = names.map((name) => lstatSync(join(root, "app", name)));
const plain = files.filter((file) => !file.isSymbolicLink());
ok(plain.every(({ uid, gid }) => uid === 0 && gid === 0));
ok(plain.every((file) => (file.mode & (file.isDirectory() ? 0o7027 : 0o7026)) === (file.isDirectory() ? 0o5 : 0o4)));
const megabytes = files.reduce((sum, { size }) => sum + size, 0) / 1e6;
claim(`/app: ${files.length} files, ${megabytes.toFixed(1)} MB, root's; everybody may read them and nobody write`);
const sbom = JSON.parse(readFileSync(join(root, "app/sbom.cdx.json"), "utf8"));
equal(sbom.metadata.component.name, "ota-gateway");
ok(sbom.components.every(({ version, licenses, hashes }) => version && licenses?.length && hashes?.length));
const manifest = /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/;
const shipped = names
  .filter((name) => manifest.test(name))
  .map((name) => {
    const { name: packageName, version } = JSON.parse(readFileSync(join(root, "app", name), "utf8"));
    return `${packageName}@${version}`;
  });
deepEqual(new Set(sbom.components.map(({ name, version }) => `${name}@${version}`)), new Set(shipped));
claim(`the SBOM lists the ${shipped.length} packages that are there, each with version, license and hash`);

const emulator = start("emulator", ["emulate", "--listen", "127.0.0.1:8088", "--devices", String(DEVICES)]);
await emulator.said(/^emulator ready/m);
// As a new volume of Docker: it belongs to the user that the folder in the image belongs to.
const STATE = "/var/lib/ota-gateway";
const volume = join(folder, "state-volume");
mkdirSync(volume);
const { uid, gid } = lstatSync(join(root, STATE));
chownSync(volume, uid, gid);
const mount = { destination: STATE, type: "bind", source: volume, options: ["bind", "rw", "nosuid", "nodev"] };
const variables = {
  OTA_STATE: `${STATE}/operations.db`,
  OTA_INSECURE: "1",
  OTA_UPSTREAM_URL: "http://127.0.0.1:8088",
  ALIBABA_CLOUD_ACCESS_KEY_ID: "testid",
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret",
  OTEL_SDK_DISABLED: "true",
};
const gateway = start("gateway", config.Cmd, variables, [mount]);
await gateway.said(/^ota-gateway ready/m);

const look = run(gateway, ["node", "-p", "require('fs').readFileSync('/proc/1/status', 'utf8')"]).stdout;
match(look, new RegExp(`^Uid:\\s+${USER}\\s+${USER}\\s+${USER}\\s+${USER}$`, "m"));
match(look, /^CapPrm:\s+0{16}$[\s\S]*^CapBnd:\s+0{16}$[\s\S]*^NoNewPrivs:\s+1$/m);
claim(`it runs as process 1 of user ${USER}, without capabilities and without a way to get any`);

for (const file of ["/tmp/x", "/app/x", "/x"]) {
  const { status, stderr } = run(gateway, ["node", "-e", `require('fs').writeFileSync('${file}', '')`]);
  equal(status, 1);
  match(stderr, file === "/tmp/x" ? /EROFS/ : /EROFS|EACCES/);
}
ok(existsSync(join(volume, "operations.db")));
claim(
  "operations are kept on a volume; nothing else can be written: /tmp, where anybody might, is on a read-only file system too",
);

const [kind, ...healthCheck] = config.Healthcheck.Test;
equal(kind, "CMD");
equal(run(gateway, healthCheck).status, 0);
claim(`its health check says 0: ${healthCheck.join(" ")}`);

const { productKey, firmwareId } = DEFAULTS;
const client = connect("127.0.0.1:50051");
const cancel = async (from, to) => {
  const deviceNames = Array.from({ length: to - from }, (_, n) => seededName(from + n));
  const request = { productKey, firmwareId, deviceNames };
  const { results } = await client.cancelTasksByDevice(request, { timeoutMs: 20_000 });
  deepEqual(new Set(results.map(({ outcome }) => outcome)), new Set(["ACCEPTED"]), "not every device is ACCEPTED");
  return results.length;
};
claim(`a cancel through the gRPC port: ${await cancel(0, 3)} devices ACCEPTED`);

const waiting = cancel(3, DEVICES);
while ((await arrivals()) < 5) await sleep(10);
const before = performance.now();
gateway.kill("TERM");
const [accepted, code] = await Promise.all([waiting, gateway.ended]);
equal(code, 0);
claim(
  `SIGTERM: ${accepted} devices that waited were ACCEPTED; exit 0 after ${Math.round(performance.now() - before)} ms`,
);
client.close();
emulator.kill("TERM");
equal(await emulator.ended, 0);

async function arrivals() {
  const answer = await fetch("http://127.0.0.1:8088/__stats");
  return (await answer.json()).arrivals;
}
