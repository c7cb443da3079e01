// Operations for Node services: a list is submitted or a rollout stopped, and the operation can be
// waited for, read and stopped, by this process or by a later one that knows its name.
import type { Metadata, ServiceError } from "@grpc/grpc-js";
import { type Clock, sleepUntil } from "../base/clock.js";
import {
  type ListOperationsResponse,
  OperationsClient,
  type Operation as WireOperation,
} from "../gen/google/longrunning/operations.js";
import type { Empty } from "../gen/google/protobuf/empty.js";
import {
  type CancelSpec,
  type ListOperationResultsResponse,
  type OtaServiceClient,
  Outcome as WireOutcome,
} from "../gen/ota/v1/ota_service.js";
import { checkEachText, checkNamesType, checkOptionTypes } from "./argument-types.js";
import type { CallOptions, StartUnary, Unary } from "./call.js";
import { NameReader } from "./name-reader.js";
import { type OperationStatus, operationStatusOf } from "./operation-status.js";
import { otaErrorOf } from "./ota-error.js";
import { AGAIN_MS, pagesOf, patiently } from "./patient-read.js";
import type { StopRequest, SubmitSpec } from "./request.js";
import { type DeviceResult, type Outcome, operationResultOf } from "./response.js";
import { timeoutOf } from "./timeout.js";
import { wireStopRequestOf, wireSubmissionOf } from "./wire-request.js";
import { wireDuration } from "./wire-time.js";

export interface OperationWaitOptions {
  readonly signal?: AbortSignal;
  /** Called with each state that is seen, about once a second. */
  readonly onProgress?: (status: OperationStatus) => void;
}

/** An operation at the gateway. Its promises reject with OtaError. */
export interface OperationHandle {
  /** Keep it: another process can go on with it. */
  readonly name: string;
  get(options?: CallOptions): Promise<OperationStatus>;
  /** Resolves when it has ended, however it did. Goes on while the gateway restarts. */
  wait(options?: OperationWaitOptions): Promise<OperationStatus>;
  /**
   * The outcomes of its devices, in the order of the list; complete once it is done. After the
   * first page, reading goes on while the gateway restarts.
   */
  results(options?: {
    readonly outcomes?: readonly Outcome[];
    readonly signal?: AbortSignal;
  }): AsyncGenerator<DeviceResult, void, undefined>;
  /** Nothing more is sent; calls that were sent run to their end. */
  stop(options?: CallOptions): Promise<void>;
  /** Deletes it with its results, once it has ended. */
  delete(options?: CallOptions): Promise<void>;
}

const MESSAGE_NAMES = 10_000;
/** A gateway ends a submission that it has heard nothing of for 30 s. */
const SIGN_OF_LIFE_MS = 10_000;
const PAGE_RESULTS = 10_000;
const PAGE_OPERATIONS = 100;
/** One WaitOperation; with `onProgress` it ends each second to see how far it is. */
const WAIT_MS = 50_000;
const PROGRESS_MS = 1000;
const ANSWER_MARGIN_MS = 10_000;

/** The parts of the client that its operations share. */
export interface OperationSeams {
  readonly clock: Clock;
  readonly stub: OtaServiceClient;
  readonly unary: Unary;
  /** Runs what starts an rpc. Throws OtaError. */
  readonly begin: <Call>(start: () => Call) => Call;
  /** The metadata of a call. Rejects with OtaError, or with the signal's reason. */
  readonly headersOf: (timeoutMs: number, signal: AbortSignal | undefined) => Promise<Metadata>;
}

export function createOperations({ clock, stub, unary, begin, headersOf }: OperationSeams) {
  // On the same connection.
  const operationsStub = new OperationsClient("", undefined as never, { channelOverride: stub.getChannel() });

  async function submit(
    names: Iterable<string> | AsyncIterable<string>,
    spec: SubmitSpec,
    options: CallOptions = {},
  ): Promise<OperationHandle> {
    checkOptionTypes(options);
    checkNamesType(names);
    const { signal } = options;
    // Without a default: the list may come slowly, as long as the gateway takes it. Keepalive
    // notices a gateway that is gone.
    const timeoutMs = options.timeoutMs === undefined ? Infinity : timeoutOf(options.timeoutMs);
    const message = wireSubmissionOf(spec);
    const deadline = Date.now() + timeoutMs;
    const headers = await headersOf(timeoutMs, signal);
    signal?.throwIfAborted(); // nothing would say so any more
    return new Promise((resolve, reject) => {
      let given = 0;
      let disarm = () => {};
      const done = (error: ServiceError | null, stored: WireOperation) => {
        signal?.removeEventListener("abort", leave);
        disarm();
        reader.stop(); // it may be waiting for a name
        if (!error) resolve(operation(stored.name));
        else reject(signal?.aborted ? signal.reason : otaErrorOf(error));
      };
      const call = begin(() => stub.submitCancelTasksByDevice(headers, { deadline }, done));
      const leave = () => call.cancel();
      signal?.addEventListener("abort", leave, { once: true });
      const write = (deviceNames: readonly string[], spec?: CancelSpec) => {
        disarm();
        disarm = clock.at(clock.now() + SIGN_OF_LIFE_MS, () => write([]));
        call.write({ spec, deviceNames: [...deviceNames] });
      };
      /** Nothing is stored of a list that cannot be read. */
      const fail = (error: unknown) => {
        reject(error);
        reader.stop();
        leave();
      };
      write([], message);
      const reader = new NameReader(names, {
        clock,
        chunkDevices: () => MESSAGE_NAMES,
        hasRoom: () => !call.writableNeedDrain,
        chunk: (deviceNames) => {
          try {
            checkEachText("device_names", deviceNames, given);
          } catch (error) {
            return fail(error);
          }
          given += deviceNames.length;
          write(deviceNames);
        },
        ended: (error) => {
          if (error !== undefined) return fail(error);
          disarm();
          call.end();
        },
      });
      call.on("drain", () => reader.roomAgain());
    });
  }

  function operation(name: string): OperationHandle {
    return {
      name,
      async get(options = {}) {
        const start: StartUnary<WireOperation> = (...rest) => operationsStub.getOperation({ name }, ...rest);
        return operationStatusOf(await unary(start, options));
      },
      async wait({ signal, onProgress } = {}) {
        const waitMs = onProgress ? PROGRESS_MS : WAIT_MS;
        const timeout = wireDuration(waitMs);
        const start: StartUnary<WireOperation> = (...rest) => operationsStub.waitOperation({ name, timeout }, ...rest);
        const options = { timeoutMs: waitMs + ANSWER_MARGIN_MS, ...(signal && { signal }) };
        for (;;) {
          const askedMs = clock.now();
          const status = operationStatusOf(await patiently(clock, () => unary(start, options), signal));
          onProgress?.(status);
          if (status.done) return status;
          await sleepUntil(clock, askedMs + AGAIN_MS, signal);
        }
      },
      async *results({ outcomes = [], signal } = {}) {
        const wire = outcomes.map((outcome) => WireOutcome[outcome]);
        const read = (pageToken: string): Promise<ListOperationResultsResponse> => {
          const request = { name, pageSize: PAGE_RESULTS, pageToken, outcomes: wire };
          return unary((...rest) => stub.listOperationResults(request, ...rest), signal ? { signal } : {});
        };
        for await (const { results } of pagesOf(clock, read, signal)) yield* results.map(operationResultOf);
      },
      async stop(options = {}) {
        const start: StartUnary<Empty> = (...rest) => operationsStub.cancelOperation({ name }, ...rest);
        await unary(start, options);
      },
      async delete(options = {}) {
        const start: StartUnary<Empty> = (...rest) => operationsStub.deleteOperation({ name }, ...rest);
        await unary(start, options);
      },
    };
  }

  async function* operations({
    done,
  }: {
    readonly done?: boolean;
  } = {}): AsyncGenerator<OperationStatus, void, undefined> {
    const filter = done === undefined ? "" : `done=${done}`;
    const read = (pageToken: string): Promise<ListOperationsResponse> => {
      const request = { name: "operations", filter, pageSize: PAGE_OPERATIONS, pageToken, returnPartialSuccess: false };
      return unary((...rest) => operationsStub.listOperations(request, ...rest), {});
    };
    for await (const page of pagesOf(clock, read)) yield* page.operations.map(operationStatusOf);
  }

  async function stopRollout(request: StopRequest, options: CallOptions = {}): Promise<OperationHandle> {
    const message = wireStopRequestOf(request);
    const start: StartUnary<WireOperation> = (...rest) => stub.stopRollout(message, ...rest);
    return operation((await unary(start, options)).name);
  }

  return { submit, stopRollout, operation, operations };
}
