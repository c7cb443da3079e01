// An OtaService behind a real gRPC port, with answers that a test decides.
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import type { Status } from "../../src/gen/google/rpc/status.js";
import {
  type CancelTasksByDeviceRequest,
  CancelTasksByDeviceResponse,
  type GetQuotaRequest,
  GetQuotaResponse,
  type GetRolloutRequest,
  type OtaServiceServer,
  OtaServiceService,
  Outcome,
  type Rollout,
  type StreamCancelTasksByDeviceRequest,
  type StreamCancelTasksByDeviceResponse,
} from "../../src/gen/ota/v1/ota_service.js";
import type { WireError } from "../../src/grpc/wire/status.js";
import { listenGrpc } from "./grpc-server.js";

export type FakeStream = ServerDuplexStream<StreamCancelTasksByDeviceRequest, StreamCancelTasksByDeviceResponse>;

export interface FakeAnswers {
  /** If it returns an error, the rpc fails with it. */
  cancel?(
    call: ServerUnaryCall<CancelTasksByDeviceRequest, CancelTasksByDeviceResponse>,
  ): CancelTasksByDeviceResponse | WireError | undefined;
  stream?(call: FakeStream): void;
  quota?(call: ServerUnaryCall<GetQuotaRequest, GetQuotaResponse>): GetQuotaResponse | WireError | undefined;
  rollout?(call: ServerUnaryCall<GetRolloutRequest, Rollout>): Rollout | WireError | undefined;
  submit?: OtaServiceServer["submitCancelTasksByDevice"];
  stop?: OtaServiceServer["stopRollout"];
}

/** Starts the service. Resolves with its address. */
export function listenOta({ cancel, stream, quota, rollout, submit, stop }: FakeAnswers): Promise<string> {
  const usual = GetQuotaResponse.fromPartial({ account: "default", callsPerSecond: 10 });
  const service: OtaServiceServer = {
    cancelTasksByDevice: (call, callback) => reply(cancel?.(call), callback),
    streamCancelTasksByDevice: (call) => stream?.(call),
    getQuota: (call, callback) => reply(quota ? quota(call) : usual, callback),
    getRollout: (call, callback) => reply(rollout?.(call), callback),
    submitCancelTasksByDevice: submit ?? (() => {}),
    stopRollout: stop ?? (() => {}),
    listOperationResults: () => {},
  };
  return listenGrpc([OtaServiceService, service]);
}

/** An answer in which one call accepted all these devices. */
export function accepted(deviceNames: readonly string[], requestId = "request-1"): CancelTasksByDeviceResponse {
  return CancelTasksByDeviceResponse.fromPartial({
    success: true,
    results: deviceNames.map((deviceName) => ({ deviceName, outcome: Outcome.ACCEPTED, callIndex: 0 })),
    calls: [{ requestId, deviceCount: deviceNames.length, success: true }],
  });
}

export function answerOf(
  sequence: bigint,
  result: { response: CancelTasksByDeviceResponse } | { error: Status },
): StreamCancelTasksByDeviceResponse {
  const chosen =
    "response" in result
      ? ({ $case: "response", response: result.response } as const)
      : ({ $case: "error", error: result.error } as const);
  return { event: { $case: "answer", answer: { sequence, result: chosen, failedResponse: undefined } } };
}

/** Sends an answer. If there is none, the rpc is never answered. */
function reply<T extends object>(answer: T | WireError | undefined, callback: sendUnaryData<T>): void {
  if (answer && "code" in answer) callback(answer);
  else if (answer) callback(null, answer);
}
