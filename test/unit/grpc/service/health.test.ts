import { credentials } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  HealthClient,
  HealthService,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../../src/gen/grpc/health/v1/health.js";
import { Health } from "../../../../src/grpc/service/health.js";
import { listenGrpc } from "../../../support/grpc-server.js";
import { until } from "../../../support/processes.js";

const SERVICE = "ota.v1.OtaService";

async function setUp() {
  const health = new Health([SERVICE]);
  const client = new HealthClient(await listenGrpc([HealthService, health.service]), credentials.createInsecure());
  onTestFinished(() => client.close());
  const check = (service: string) =>
    new Promise((resolve, reject) =>
      client.check({ service }, (error, answer) => (error ? reject(error) : resolve(answer.status))),
    );
  const watch = (service: string) => {
    const seen: (Status | "end")[] = [];
    const stream = client.watch({ service });
    stream.on("data", ({ status }: { status: Status }) => seen.push(status));
    stream.on("end", () => seen.push("end"));
    stream.on("error", () => {});
    return seen;
  };
  return { health, client, check, watch };
}

describe("Health", () => {
  it("says of the server and of its services that they serve, and that they do not any more", async () => {
    const { health, check } = await setUp();
    expect([await check(""), await check(SERVICE)]).toEqual([Status.SERVING, Status.SERVING]);
    health.stopServing();
    expect([await check(""), await check(SERVICE)]).toEqual([Status.NOT_SERVING, Status.NOT_SERVING]);
  });

  it("knows no other service", async () => {
    const { check } = await setUp();
    await expect(check("ota.v2.OtaService")).rejects.toMatchObject({ code: 5 });
  });

  it("tells whoever watches of the change, and of the end", async () => {
    const { health, watch } = await setUp();
    const watches = [watch(""), watch(SERVICE)];
    await until(() => watches.every((seen) => seen.length === 1));
    health.stopServing();
    await until(() => watches.every((seen) => seen.length === 2));
    health.endWatches();
    await until(() => watches.every((seen) => seen.length === 3));
    for (const seen of watches) expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING, "end"]);
  });

  it("ends a watch whose request comes after all others have been ended (was: it kept the server from ending)", async () => {
    const { health, watch } = await setUp();
    health.stopServing();
    health.endWatches();
    const seen = watch(SERVICE);
    await until(() => seen.length === 2);
    expect(seen).toEqual([Status.NOT_SERVING, "end"]);
  });

  it("tells who watches an unknown service only that, and ends that watch too", async () => {
    const { health, watch } = await setUp();
    const seen = watch("ota.v2.OtaService");
    await until(() => seen.length === 1);
    health.stopServing();
    health.endWatches();
    await until(() => seen.length === 2);
    expect(seen).toEqual([Status.SERVICE_UNKNOWN, "end"]);
  });
});
