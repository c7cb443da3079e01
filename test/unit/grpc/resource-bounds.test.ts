import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../../src/config/config.js";
import { heapNeeded, heapTooSmall } from "../../../src/grpc/resource-bounds.js";

const MB = 2 ** 20;

describe("the budget", () => {
  it("fits the heap of the manifests, with the queue as large as it is by default", () => {
    const deployment = readFileSync("deploy/kubernetes/gateway/deployment.yaml", "utf8");
    const oldMb = Number(/--max-old-space-size=(\d+)/.exec(deployment)?.[1]);
    const { maxQueuedDevices } = readConfig({});
    expect(heapTooSmall(maxQueuedDevices, oldMb * MB)).toBeUndefined();
    expect(heapNeeded(maxQueuedDevices, 6144)).toBeGreaterThan(0.7 * oldMb * MB); // or the table says nothing
  });

  it("says what to do where the heap is too small", () => {
    const mistake = heapTooSmall(3_000_000, 320 * MB);
    expect(mistake).toMatch(/^OTA_MAX_QUEUED_DEVICES: 3000000 devices .* Node has 320 MB; lower .* to \d+, or .*=\d+$/);
    const fitting = Number(/DEVICES to (\d+)/.exec(mistake ?? "")?.[1]);
    expect(heapTooSmall(fitting, 320 * MB)).toBeUndefined();
    expect(heapTooSmall(0, 64 * MB)).toMatch(/has 64 MB; give it more with NODE_OPTIONS/);
  });
});
