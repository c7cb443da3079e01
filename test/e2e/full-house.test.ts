// Every bound of the budget reached at once, in a gateway with the heap and the flags that it is deployed with: the table
// in src/grpc/resource-bounds.ts is true.
import { readFileSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { begin, occupy, STRANGE } from "../fuzz/strangers.js";
import { onlyContainer, variablesOf } from "../support/deployed.js";
import { createCaller } from "../support/grpc-caller.js";
import { type HttpUpstream, startHttpUpstream } from "../support/http-upstream.js";
import { manifestIn } from "../support/manifests.js";
import { endPrograms, runGateway, until } from "../support/processes.js";

const deployment = manifestIn("deploy/kubernetes/gateway/deployment.yaml", "Deployment");
const container = onlyContainer(deployment);
const NODE_OPTIONS = String(variablesOf(container)["NODE_OPTIONS"]);
const limitMb = Number(
  /limits: \{ memory: (\d+)Mi \}/.exec(readFileSync("deploy/kubernetes/gateway/deployment.yaml", "utf8"))?.[1],
);

let upstream: HttpUpstream | undefined;
afterAll(async () => {
  await endPrograms();
  await upstream?.close();
});

it("lives with every bound reached at once, below the memory limit of the manifest", async () => {
  upstream = await startHttpUpstream(() => new Promise(() => {})); // nothing is ever done
  const gateway = await runGateway(upstream.url, { NODE_OPTIONS });
  await gateway.opened();
  const metric = async (name: string) => {
    const text = await (await fetch(`${gateway.admin}/metrics`)).text();
    const values = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "gm"));
    return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
  };

  const callers = ["queue-1", "queue-2"].map((name) => createCaller(gateway.grpc, { "x-ota-caller": name }));
  const refused: unknown[] = [];
  for (const [c, caller] of callers.entries()) {
    for (let n = 0; n < 50; n++) {
      const names = Array.from({ length: 10_000 }, (_, d) => `device-${c}-${n * 10_000 + d}`);
      caller.cancel(names, {}, 600_000).answer.catch((error: unknown) => refused.push(error));
    }
    await until(async () => (await metric("ota_queue_devices")) >= (c + 1) * 490_000);
  }
  const load = { connections: 10, streams: 500, headerBytes: 8700 };
  const crowds = [
    await occupy(gateway.grpc, STRANGE.watch, { ...load, connections: 64, streams: 8, headerBytes: 0 }),
    await occupy(gateway.grpc, STRANGE.reflection, { ...load, connections: 16, streams: 4, headerBytes: 0 }),
    await occupy(gateway.grpc, STRANGE.cancel, { ...load, connections: 8, caller: "crowd-1" }),
    await occupy(gateway.grpc, STRANGE.cancel, {
      ...load,
      connections: 8,
      caller: "crowd-2",
      localAddress: "127.0.0.2",
    }),
  ];
  const begun = await begin(gateway.grpc, "ota.v1.OtaService/StreamCancelTasksByDevice", 2, 60, {
    "x-ota-caller": "begun",
  });
  await until(async () => (await metric("ota_refusals_total")) >= 500);
  expect(crowds.every((crowd) => crowd.open() > 0)).toBe(true);
  expect((await fetch(`${gateway.admin}/readyz`)).status).toBe(200);
  const peakMb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, "utf8"))?.[1]) / 1024;
  expect(peakMb).toBeLessThan(limitMb);
  for (const crowd of crowds) crowd.leave();
  begun.leave();
  for (const caller of callers) caller.close();
});
