// One list of devices on its way through a gateway: as an operation, and as a stream. The client
// writes as fast as flow control allows.
import { once } from "node:events";
import { credentials } from "@grpc/grpc-js";
import { type Operation, OperationsClient } from "../../src/gen/google/longrunning/operations.js";
import {
  CancelSpec,
  CancelTasksByDeviceRequest,
  OtaServiceClient,
  SubmitCancelTasksByDeviceMetadata,
} from "../../src/gen/ota/v1/ota_service.js";

const SCOPE = { productKey: "a1Bench", firmwareId: "Bench030100" };
const MESSAGE_NAMES = 10_000;
const REQUEST_NAMES = 5000;
const PAGE_RESULTS = 10_000;

/** The names of `devices` devices, from the nth on, as far as one message goes. */
function namesFrom(from: number, devices: number, most: number): string[] {
  return Array.from({ length: Math.min(most, devices - from) }, (_, n) => `device-${from + n}`);
}

/** Submits a list, and returns the name of the operation. */
export async function submitList(grpc: string, devices: number, spec: Partial<CancelSpec> = {}): Promise<string> {
  const stub = new OtaServiceClient(grpc, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      const call = stub.submitCancelTasksByDevice((error, operation) =>
        error ? reject(error) : resolve(operation.name),
      );
      const write = async () => {
        call.write({ spec: CancelSpec.fromPartial({ ...SCOPE, ...spec }), deviceNames: [] });
        for (let from = 0; from < devices; from += MESSAGE_NAMES) {
          const deviceNames = namesFrom(from, devices, MESSAGE_NAMES);
          if (!call.write({ spec: undefined, deviceNames })) await once(call, "drain");
        }
        call.end();
      };
      write().catch(reject);
    });
  } finally {
    stub.close();
  }
}

/** Devices without an outcome. Asks again while the store is away. */
export async function devicesWaiting(grpc: string, name: string): Promise<number> {
  const stub = new OperationsClient(grpc, credentials.createInsecure());
  for (;;) {
    const operation = await new Promise<Operation | undefined>((resolve) =>
      stub.getOperation({ name }, (_, answer) => resolve(answer)),
    );
    if (operation?.metadata) {
      stub.close();
      return Number(SubmitCancelTasksByDeviceMetadata.decode(operation.metadata.value).devicesWaiting);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Resolves once the operation has ended. */
export async function ended(grpc: string, name: string): Promise<Operation> {
  const stub = new OperationsClient(grpc, credentials.createInsecure());
  try {
    for (;;) {
      const operation = await new Promise<Operation>((resolve, reject) =>
        stub.waitOperation({ name, timeout: { seconds: 30n, nanos: 0 } }, (error, answer) =>
          error ? reject(error) : resolve(answer),
        ),
      );
      if (operation.done) return operation;
    }
  } finally {
    stub.close();
  }
}

export async function stopOperation(grpc: string, name: string): Promise<void> {
  const stub = new OperationsClient(grpc, credentials.createInsecure());
  try {
    await new Promise((resolve, reject) =>
      stub.cancelOperation({ name }, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  } finally {
    stub.close();
  }
}

/** Reads all pages, and returns how many devices they have. */
export async function readResults(grpc: string, name: string): Promise<number> {
  const stub = new OtaServiceClient(grpc, credentials.createInsecure());
  let read = 0;
  for (let pageToken = ""; ; ) {
    const request = { name, pageSize: PAGE_RESULTS, pageToken, outcomes: [] };
    const page = await new Promise<{ results: readonly object[]; nextPageToken: string }>((resolve, reject) =>
      stub.listOperationResults(request, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
    read += page.results.length;
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  stub.close();
  return read;
}

/** Sends the list as a stream, and returns the number of accepted devices. */
export async function streamList(grpc: string, devices: number): Promise<number> {
  const stub = new OtaServiceClient(grpc, credentials.createInsecure());
  const call = stub.streamCancelTasksByDevice();
  let accepted = 0;
  call.on("data", ({ event }) => {
    if (event?.$case !== "answer" || event.answer.result?.$case !== "response") return;
    const { response } = event.answer.result;
    if (response.success) accepted += response.results.length;
  });
  const over = once(call, "end");
  for (let from = 0; from < devices; from += REQUEST_NAMES) {
    const deviceNames = namesFrom(from, devices, REQUEST_NAMES);
    const request = CancelTasksByDeviceRequest.fromPartial({ ...SCOPE, deviceNames });
    if (!call.write({ sequence: BigInt(from), request, withdraw: false })) await once(call, "drain");
  }
  call.end();
  await over;
  stub.close();
  return accepted;
}
