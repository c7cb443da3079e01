// A stranger floods the port with TLS handshakes from one address. Measures how much longer the
// requests of a caller at another address take: on a connection that stands, and on a new one for
// each request. The flood runs with `nice`, so that it uses the processor time that the gateway and
// the measurer leave.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority } from "../../test/support/certificate-authority.js";
import { createTlsCaller, type TlsCaller } from "../../test/support/tls-caller.js";
import { cpuMs } from "../cpu.js";
import type { Measured } from "../goal.js";
import { quantile } from "../median.js";
import { startGateway, startUpstream } from "../processes.js";

const STANDING = 1000;
const NEW = 100;
const AT_ONCE = 500;
const NICE = 10;

export interface HandshakeFigures {
  readonly calmMs: Waits;
  readonly floodedMs: Waits;
  readonly handshakesASecond: number;
}

/** 95th percentiles. */
interface Waits {
  readonly standing: number;
  readonly fresh: number;
}

export async function handshakes(): Promise<Measured<HandshakeFigures>> {
  const folder = mkdtempSync(join(tmpdir(), "handshakes-"));
  const authority = createCertificateAuthority();
  const own = authority.issue({ dns: ["localhost"] });
  const files = { OTA_TLS_CERT: join(folder, "tls.crt"), OTA_TLS_KEY: join(folder, "tls.key") };
  writeFileSync(files.OTA_TLS_CERT, own.cert);
  writeFileSync(files.OTA_TLS_KEY, own.key);
  const upstream = await startUpstream();
  const gateway = await startGateway(upstream, files);
  const at = `localhost:${gateway.grpc.split(":").at(-1)}`;
  const create = () => createTlsCaller(at, authority.cert);

  await waitsOf(create); // warm
  const calmMs = await waitsOf(create);
  const child = fork(new URL("../handshaker.ts", import.meta.url), [gateway.grpc, String(AT_ONCE)], {
    execArgv: ["--import", "tsx"],
  });
  setPriority(child.pid ?? 0, NICE);
  await once(child, "message");
  const [beforeMs, startMs] = [cpuMs(gateway.pid), performance.now()];
  const floodedMs = await waitsOf(create);
  const seconds = (performance.now() - startMs) / 1000;
  const busy = (cpuMs(gateway.pid) - beforeMs) / (1000 * seconds);
  child.send("counts");
  const [counts] = (await once(child, "message")) as [{ readonly made: number }];
  child.disconnect();
  await gateway.stop();
  upstream.stop();
  rmSync(folder, { recursive: true });
  const handshakesASecond = counts.made / seconds;
  const goals = [
    { name: "handshakes: made a second", value: handshakesASecond, most: 220 },
    { name: "handshakes: 95th percentile of a request before, in ms", value: calmMs.standing },
    { name: "handshakes: how much it grows, in ms", value: floodedMs.standing - calmMs.standing, most: 20 },
    { name: "handshakes: the same with a connection for each, before", value: calmMs.fresh },
    { name: "handshakes: how much that grows, in ms", value: floodedMs.fresh - calmMs.fresh, most: 50 },
    { name: "handshakes: processors that the gateway used", value: busy, most: 0.8 },
  ];
  return { goals, figures: { calmMs, floodedMs, handshakesASecond } };
}

async function waitsOf(create: () => TlsCaller): Promise<Waits> {
  const standing = create();
  await standing.ask();
  const onOne = await timed(STANDING, () => standing.ask());
  standing.close();
  const onNew = await timed(NEW, async () => {
    const caller = create();
    await caller.ask();
    caller.close();
  });
  return { standing: quantile(onOne, 0.95), fresh: quantile(onNew, 0.95) };
}

/** How long each of them takes, one after the other. */
async function timed(times: number, ask: () => Promise<unknown>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let n = 0; n < times; n++) {
    const startMs = performance.now();
    await ask();
    tookMs.push(performance.now() - startMs);
  }
  return tookMs;
}
