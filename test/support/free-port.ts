// Finds a port of loopback that nothing listens on, for a server that has to be given one, or that
// comes back there.
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that a system gives to those who ask for any: one of those may be gone before the
 * server listens there.
 */
const FIRST = 20_000;
/** Tests that run beside each other, in processes or threads, take ports of different parts. */
const PARTS = 12;
const PART_PORTS = 1000;

const part = Number(process.env["VITEST_POOL_ID"] ?? 0) % PARTS;
/** Another run beside this one begins elsewhere. */
let taken = process.pid * 37;

/** A port that is free, and that no other test takes. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + part * PART_PORTS + (taken++ % PART_PORTS);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
  } catch {
    return false;
  }
  probe.close();
  await once(probe, "close");
  return true;
}
