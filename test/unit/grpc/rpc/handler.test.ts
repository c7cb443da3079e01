import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { GatewayError } from "../../../../src/gateway/failures.js";
import {
  CancelTasksByDeviceRequest,
  CancelTasksByDeviceResponse,
  OtaServiceClient,
  OtaServiceService,
} from "../../../../src/gen/ota/v1/ota_service.js";
import { CallerScheduler } from "../../../../src/grpc/rpc/caller-scheduler.js";
import { unary } from "../../../../src/grpc/rpc/handler.js";
import type { RpcContext } from "../../../../src/grpc/rpc/rpc.js";
import { failureOf } from "../../../support/grpc-failure.js";
import { listenGrpc } from "../../../support/grpc-server.js";
import { HandClock } from "../../../support/hand-clock.js";
import { until } from "../../../support/processes.js";

type Handle = (request: CancelTasksByDeviceRequest, context: RpcContext) => Promise<CancelTasksByDeviceResponse>;

const OK = CancelTasksByDeviceResponse.fromPartial({ success: true });

async function setUp(handle: Handle) {
  const written: string[] = [];
  const lines = () => written.map((line) => JSON.parse(line));
  const clock = new HandClock();
  const log = pino({ level: "trace" }, { write: (line) => void written.push(line) });
  const callerScheduler = new CallerScheduler({ now: () => clock.now(), defer: setImmediate });
  const options = { clock, log, defaultDeadlineMs: 60_000, callerScheduler };
  const cancelTasksByDevice = unary("ota.v1.OtaService/CancelTasksByDevice", options, handle);
  const client = new OtaServiceClient(
    await listenGrpc([OtaServiceService, { cancelTasksByDevice }]),
    credentials.createInsecure(),
  );
  onTestFinished(() => client.close());
  const call = (headers: Record<string, string> = {}) => {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    let leave = () => {};
    const answer = new Promise<CancelTasksByDeviceResponse>((resolve, reject) => {
      const rpc = client.cancelTasksByDevice(
        CancelTasksByDeviceRequest.fromPartial({}),
        metadata,
        (error: ServiceError | null, response) => (error ? reject(error) : resolve(response)),
      );
      leave = () => rpc.cancel();
    });
    answer.catch(() => {}); // looked at later
    return { answer, leave };
  };
  return { call, lines };
}

describe("unary", () => {
  it("logs one line for each rpc, with its caller and its status", async () => {
    const { call, lines } = await setUp(async () => OK);
    await call({ "x-ota-caller": "service-a" }).answer;
    await until(() => lines().length > 0);
    expect(lines()).toMatchObject([
      { level: 30, msg: "rpc", method: "ota.v1.OtaService/CancelTasksByDevice", caller: "service-a", status: "OK" },
    ]);
    expect(lines()[0]).not.toHaveProperty("traceId"); // of all zeros, for no SDK is started
  });

  it("answers with a text that no header can hold (was: the process ended)", async () => {
    const { call } = await setUp(async () => {
      throw new GatewayError({ kind: "unavailable", message: "half a character: \ud83d" });
    });
    const failure = await failureOf(call().answer);
    expect(failure).toMatchObject({ code: "UNAVAILABLE", message: "half a character: \ufffd" });
  });

  it("refuses a caller whose name is none, says which names are, and handles nothing", async () => {
    let handled = 0;
    const { call, lines } = await setUp(async () => {
      handled++;
      return OK;
    });
    const failure = await failureOf(call({ "x-ota-caller": "fleet backend" }).answer);
    expect(failure).toMatchObject({
      code: "INVALID_ARGUMENT",
      reason: "INVALID_REQUEST",
      violations: [{ field: "x-ota-caller", description: "must be one name of 1-128 of A-Za-z0-9_.:/@-" }],
    });
    await until(() => lines().length > 0);
    expect(lines()).toMatchObject([{ status: "INVALID_ARGUMENT", caller: "", why: "x-ota-caller is no caller name" }]);
    expect(JSON.stringify(lines())).not.toContain("fleet");
    expect(handled).toBe(0);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("the secret is testsecret");
      },
    ],
    ["rejects", () => Promise.reject(new Error("the secret is testsecret"))],
    ["rejects with no error at all", () => Promise.reject("testsecret")],
  ] as [string, Handle][])(
    "answers INTERNAL when the handler %s, and only the log has the cause",
    async (_, handle) => {
      const { call, lines } = await setUp(handle);
      const failure = await failureOf(call().answer);
      expect(failure).toMatchObject({ code: "INTERNAL", reason: "INTERNAL", message: "internal error" });
      expect(JSON.stringify(failure)).not.toContain("testsecret");
      await until(() => lines().length === 2);
      expect(lines()[0]).toMatchObject({ level: 50, msg: "internal error" });
      expect(JSON.stringify(lines()[0])).toContain("testsecret");
      expect(lines()[1]).toMatchObject({ level: 30, msg: "rpc", status: "INTERNAL" });
    },
  );

  // The log's own serializer copies every field of an error, and a GatewayError has the caller's devices.
  it("keeps the devices of an expected failure out of the log", async () => {
    const causes = [{ kind: "internal", devices: 1, sampleNames: ["dev-1"] }] as const;
    const { call, lines } = await setUp(async () => {
      throw new GatewayError(
        { kind: "internal", message: "the gateway could not make an acceptable call" },
        { causes },
      );
    });
    const failure = await failureOf(call().answer);
    expect(failure.devices).toEqual([{ resourceName: "dev-1", description: "internal" }]);
    await until(() => lines().length > 0);
    expect(JSON.stringify(lines())).not.toContain("dev-1");
  });

  it("tells the handler when its caller leaves", async () => {
    let entered = false;
    let left = false;
    const { call, lines } = await setUp(
      (_, context) =>
        new Promise((_resolve, reject) => {
          entered = true;
          context.onAbort(() => {
            left = true;
            reject(new GatewayError({ kind: "aborted", message: "the caller left" }));
          });
        }),
    );
    const { answer, leave } = call();
    await until(() => entered);
    leave();
    expect(await failureOf(answer)).toMatchObject({ code: "CANCELLED" });
    await until(() => left && lines().length > 0);
    expect(lines()).toMatchObject([{ status: "CANCELLED" }]);
  });
});
