import { compressionAlgorithms, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { OtaServiceClient } from "../../../../src/gen/ota/v1/ota_service.js";
import { startGrpcServer } from "../../../../src/grpc/server.js";
import { CallerBook } from "../../../../src/identity/caller-book.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";

async function setUp(algorithm: compressionAlgorithms) {
  const clock = new HandClock();
  const callers = new CallerBook(new Map());
  const options = {
    gateways: new Map(),
    rollouts: new Map(),
    callers,
    maxDevices: 10,
    clock,
    log: new FakeLog(),
    defaultDeadlineMs: 1000,
  };
  const server = await startGrpcServer("127.0.0.1", 0, options);
  const client = new OtaServiceClient(`127.0.0.1:${server.port}`, credentials.createInsecure(), {
    "grpc.default_compression_algorithm": algorithm,
  });
  onTestFinished(async () => {
    client.close();
    await server.close(1000);
  });
  return client;
}

function failure(client: OtaServiceClient): Promise<ServiceError> {
  const account = "nobody".repeat(1000);
  return new Promise((resolve) => client.getQuota({ account }, (error) => resolve(error as ServiceError)));
}

describe("uncompressedOnly", () => {
  it.each([compressionAlgorithms.gzip, compressionAlgorithms.deflate])(
    "refuses compressed requests unread: a few megabytes of them unpacked to more than a gigabyte (%s)",
    async (algorithm) => {
      const error = await failure(await setUp(algorithm));
      expect(status[error.code]).toBe("UNIMPLEMENTED");
      expect(error.details).toBe("compressed requests are not accepted; turn compression off");
    },
  );

  it("refuses them on a stream, before it comes to a handler", async () => {
    const stream = (await setUp(compressionAlgorithms.gzip)).streamCancelTasksByDevice();
    const failed = new Promise<ServiceError>((resolve) => stream.on("error", resolve as (error: Error) => void));
    stream.resume();
    stream.write({ sequence: 1n, request: undefined, withdraw: false });
    expect(status[(await failed).code]).toBe("UNIMPLEMENTED");
  });

  it("lets all others in", async () => {
    const error = await failure(await setUp(compressionAlgorithms.identity));
    expect(status[error.code]).toBe("INVALID_ARGUMENT");
  });
});
