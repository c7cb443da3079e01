// Which packages a plain start of `serve` loads: each that it does not need costs every start.
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { endPrograms, runGateway } from "../support/processes.js";

const PRELOAD = fileURLToPath(new URL("../support/list-modules.mjs", import.meta.url));

/** Packages that only some settings need. `yaml` is not here: the SDK of OpenTelemetry loads it, too. */
const ON_DEMAND = ["@alicloud/credentials", "csv-parse", "ioredis", "jose", "pg", "pino-pretty"];

/** Our own modules, likewise. */
const ON_DEMAND_MODULES = [
  "identity/bearer.js",
  "identity/key-set.js",
  "identity/key-source.js",
  "limiter/shared/ledger.js",
  "limiter/shared/redis.js",
  "operations/postgres/postgres-store.js",
  "operations/sqlite/sqlite-store.js",
  "grpc/service/reflection.js",
  "emulator/server.js",
  "client/client.js",
];

afterEach(endPrograms);

describe("serve", () => {
  it("loads nothing at a plain start that only other settings need", async () => {
    const gateway = await runGateway("http://127.0.0.1:9", { NODE_OPTIONS: `--import=${PRELOAD}` });
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    const [, list = "[]"] = /^\{"loaded":(\[.*\])\}$/m.exec(gateway.stderr) ?? [];
    const loaded: string[] = JSON.parse(list);
    expect(loaded).toContain("serve/serve.js"); // or the list would be of another program
    expect(loaded).toContain("@grpc/grpc-js");
    expect(loaded.filter((name) => [...ON_DEMAND, ...ON_DEMAND_MODULES].includes(name))).toEqual([]);
  });
});
