import { type Client, credentials, makeClientConstructor, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { startGrpcServer } from "../../../../src/grpc/server.js";
import { CallerBook } from "../../../../src/identity/caller-book.js";
import { FakeLog } from "../../../support/fake-log.js";
import { readFailure } from "../../../support/grpc-failure.js";
import { HandClock } from "../../../support/hand-clock.js";
import { until } from "../../../support/processes.js";

const GARBAGE = Buffer.from("ffffffffffffffff", "hex");
const REFUSAL = {
  code: "INVALID_ARGUMENT",
  reason: "INVALID_REQUEST",
  violations: [{ field: "request", description: "is not a message of this method" }],
};

async function setUp() {
  const log = new FakeLog();
  const callers = new CallerBook(new Map());
  const limits = { maxDevices: 10, defaultDeadlineMs: 1000 };
  const options = { gateways: new Map(), rollouts: new Map(), callers, ...limits, clock: new HandClock(), log };
  const server = await startGrpcServer("127.0.0.1", 0, options);
  const client: Client = new (makeClientConstructor({}, "nothing"))(
    `127.0.0.1:${server.port}`,
    credentials.createInsecure(),
  );
  onTestFinished(async () => {
    client.close();
    await server.close(1000);
  });
  return { client, log };
}

/** As it stands on the wire. */
const asIs = (bytes: Buffer) => bytes;

describe("a message that is none of its method", () => {
  it.each(["CancelTasksByDevice", "GetQuota"])(
    "is refused like any other bad request, and logged: %s",
    async (name) => {
      const { client, log } = await setUp();
      const error = await new Promise<ServiceError | null>((resolve) =>
        client.makeUnaryRequest(`/ota.v1.OtaService/${name}`, asIs, asIs, GARBAGE, resolve),
      );
      expect(readFailure(error as ServiceError)).toMatchObject(REFUSAL);
      await until(() => log.lines.length > 0);
      expect(log.lines).toMatchObject([
        { level: "info", message: "rpc", fields: { method: `ota.v1.OtaService/${name}`, status: "INVALID_ARGUMENT" } },
      ]);
    },
  );

  it.each(["health.v1.Health/Check", "health.v1.Health/List", "health.v1.Health/Watch"])(
    "was answered as the gateway's own failing, and is refused like any other bad request: %s",
    async (name) => {
      const { client } = await setUp();
      const error = await new Promise<ServiceError>((resolve) => {
        const call = client.makeServerStreamRequest(`/grpc.${name}`, asIs, asIs, GARBAGE);
        call.on("error", resolve as (error: Error) => void).resume();
      });
      expect(readFailure(error)).toMatchObject(REFUSAL);
    },
  );

  it.each(["v1", "v1alpha"])("ends a reflection, once, however many follow: %s", async (version) => {
    const { client } = await setUp();
    const method = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const call = client.makeBidiStreamRequest(method, asIs, asIs);
    const errors: ServiceError[] = [];
    call.on("error", (error) => errors.push(error as ServiceError)).resume();
    for (let times = 0; times < 20; times++) call.write(GARBAGE);
    await until(() => errors.length > 0);
    expect(errors.map(readFailure)).toMatchObject([REFUSAL]);
  });

  it("ends a stream, which cannot answer it: it has no sequence", async () => {
    const { client, log } = await setUp();
    const call = client.makeBidiStreamRequest("/ota.v1.OtaService/StreamCancelTasksByDevice", asIs, asIs);
    call.resume();
    const failed = new Promise<ServiceError>((resolve) => call.on("error", resolve as (error: Error) => void));
    call.write(GARBAGE);
    call.write(GARBAGE);
    const error = await failed;
    expect(status[error.code]).toBe("INVALID_ARGUMENT");
    expect(readFailure(error)).toMatchObject(REFUSAL);
    await until(() => log.lines.length > 0);
    expect(log.lines.map(({ message, fields }) => [message, fields])).toMatchObject([
      ["rpc", { status: "INVALID_ARGUMENT" }],
    ]);
  });
});
