// A caller of the rpcs about operations, over the raw stubs.
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { type Operation, OperationsClient } from "../../src/gen/google/longrunning/operations.js";
import {
  CancelSpec,
  type DeviceResult,
  OtaServiceClient,
  type Outcome,
  StopRolloutMetadata,
  StopRolloutRequest,
  StopRolloutResponse,
  SubmitCancelTasksByDeviceMetadata,
  SubmitCancelTasksByDeviceResponse,
} from "../../src/gen/ota/v1/ota_service.js";

const MESSAGE_NAMES = 10_000;

export function createOperationsCaller(address: string, headers: Readonly<Record<string, string>> = {}) {
  const options = {
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 100,
  };
  const ota = new OtaServiceClient(address, credentials.createInsecure(), options);
  const operations = new OperationsClient(address, credentials.createInsecure(), options);
  const metadata = () => {
    const made = new Metadata({ waitForReady: true });
    for (const [key, value] of Object.entries(headers)) made.set(key, value);
    return made;
  };
  type Callback<T> = (error: ServiceError | null, response: T) => void;
  const asked = <T>(call: (callback: Callback<T>) => unknown) => {
    const answer = new Promise<T>((resolve, reject) => {
      call((error, response) => (error ? reject(error) : resolve(response)));
    });
    answer.catch(() => {}); // handled later, or never
    return answer;
  };
  const results = (request: { name: string; pageSize?: number; pageToken?: string; outcomes?: Outcome[] }) =>
    asked<{ results: DeviceResult[]; nextPageToken: string; truncated: boolean }>((callback) =>
      ota.listOperationResults({ pageSize: 0, pageToken: "", outcomes: [], ...request }, metadata(), callback),
    );
  return {
    /** Writes the spec, then the names in messages; `end: false` breaks the stream off instead. */
    submit(names: readonly string[], spec: Partial<CancelSpec> = {}, { end = true } = {}): Promise<Operation> {
      const { productKey, firmwareId } = DEFAULTS;
      return asked((callback) => {
        const call = ota.submitCancelTasksByDevice(metadata(), callback);
        call.on("error", () => {}); // the callback has it
        call.write({ spec: CancelSpec.fromPartial({ productKey, firmwareId, ...spec }), deviceNames: [] });
        for (let from = 0; from < names.length; from += MESSAGE_NAMES) {
          call.write({ spec: undefined, deviceNames: names.slice(from, from + MESSAGE_NAMES) });
        }
        if (end) call.end();
        else setImmediate(() => call.cancel());
      });
    },
    /** Orders the stop of the seeded package, unless the request names another. */
    stopRollout: (request: Partial<StopRolloutRequest> = {}) =>
      asked<Operation>((callback) => {
        const { productKey, firmwareId } = DEFAULTS;
        ota.stopRollout(StopRolloutRequest.fromPartial({ productKey, firmwareId, ...request }), metadata(), callback);
      }),
    get: (name: string) => asked<Operation>((callback) => operations.getOperation({ name }, metadata(), callback)),
    wait: (name: string, seconds = 60) =>
      asked<Operation>((callback) =>
        operations.waitOperation(
          { name, timeout: { seconds: BigInt(seconds), nanos: 0 } },
          metadata(),
          "grpc-timeout" in headers ? {} : { deadline: Date.now() + (seconds + 30) * 1000 },
          callback,
        ),
      ),
    list: (request: { name?: string; filter?: string; pageSize?: number; pageToken?: string } = {}) =>
      asked<{ operations: Operation[]; nextPageToken: string }>((callback) =>
        operations.listOperations(
          { name: "", filter: "", pageSize: 0, pageToken: "", returnPartialSuccess: false, ...request },
          metadata(),
          callback,
        ),
      ),
    stop: (name: string) => asked((callback) => operations.cancelOperation({ name }, metadata(), callback)),
    remove: (name: string) => asked((callback) => operations.deleteOperation({ name }, metadata(), callback)),
    results,
    /** Reads all pages. */
    async allResults(name: string, pageSize = 10_000): Promise<DeviceResult[]> {
      const all: DeviceResult[] = [];
      for (let pageToken = ""; ; ) {
        const page = await results({ name, pageSize, pageToken });
        all.push(...page.results);
        if (page.nextPageToken === "") return all;
        pageToken = page.nextPageToken;
      }
    },
    close() {
      ota.close();
      operations.close();
    },
  };
}

export function metadataOf({ metadata }: Operation): SubmitCancelTasksByDeviceMetadata {
  return SubmitCancelTasksByDeviceMetadata.decode(metadata?.value ?? Buffer.alloc(0));
}

export function responseOf({ result }: Operation): SubmitCancelTasksByDeviceResponse | undefined {
  return result?.$case === "response" ? SubmitCancelTasksByDeviceResponse.decode(result.response.value) : undefined;
}

export function stopMetadataIn({ metadata }: Operation): StopRolloutMetadata {
  return StopRolloutMetadata.decode(metadata?.value ?? Buffer.alloc(0));
}

export function stopResponseIn({ result }: Operation): StopRolloutResponse | undefined {
  return result?.$case === "response" ? StopRolloutResponse.decode(result.response.value) : undefined;
}
