// SubmitCancelTasksByDevice: reads a list message by message, each only when the one before is in
// the store, and answers with the operation once all of it is stored. A stream that breaks before
// its end leaves nothing.
import { type ServerReadableStream, type sendUnaryData, status } from "@grpc/grpc-js";
import type { Clock } from "../../base/clock.js";
import { GatewayError, invalid } from "../../gateway/failures.js";
import type { Operation } from "../../gen/google/longrunning/operations.js";
import type { CancelSpec, SubmitCancelTasksByDeviceRequest } from "../../gen/ota/v1/ota_service.js";
import type { OperationRecord } from "../../operations/store.js";
import type { ListSubmission } from "../../operations/submission.js";
import type { Rpc } from "../rpc/rpc.js";
import { checkDecoded } from "../wire/decoding.js";
import { operationMessageOf } from "./operation-message.js";
import { ORDER_UNANSWERED } from "./silent-store.js";

export type SubmitCall = ServerReadableStream<SubmitCancelTasksByDeviceRequest, Operation>;

export interface SubmitOptions {
  readonly clock: Clock;
  /** The spec has been read: checks it and the caller's rights. Throws GatewayError. */
  readonly begin: (spec: CancelSpec) => Promise<{ submission: ListSubmission; release: () => void }>;
  readonly published: (record: OperationRecord) => void;
  /** Called once, unless it is known to be stored. */
  readonly refused: (error: unknown, spec: CancelSpec | undefined) => void;
  readonly durable: () => boolean;
}

const MOST_NAMES = 10_000;
const MOST_IDLE_MS = 30_000;

const IDLE = new GatewayError({ kind: "expired", message: "nothing more arrived within 30 s; nothing was stored" });
const LATE = new GatewayError({ kind: "expired", message: "the deadline passed before the list was stored" });
const LEFT = new GatewayError({ kind: "aborted", message: "the caller left before the list was complete" });

export class SubmitStream {
  readonly #call: SubmitCall;
  readonly #rpc: Rpc;
  readonly #options: SubmitOptions;
  readonly #answer: sendUnaryData<Operation>;
  #spec: CancelSpec | undefined;
  #begun: { submission: ListSubmission; release: () => void } | undefined;
  #disarmIdle: () => void = () => {};
  #disarmDeadline: () => void = () => {};
  #isEnded = false;
  #isReading = false;
  /** From then on the end of the commit decides, unless the deadline comes before it. */
  #isPublishing = false;
  #isOver = false;

  constructor(call: SubmitCall, rpc: Rpc, answer: sendUnaryData<Operation>, options: SubmitOptions) {
    this.#call = call;
    this.#rpc = rpc;
    this.#answer = answer;
    this.#options = options;
  }

  serve(): void {
    const call = this.#call;
    const { clock } = this.#options;
    call.on("data", (message: SubmitCancelTasksByDeviceRequest) => {
      call.pause();
      this.#disarmIdle();
      this.#isReading = true;
      this.#rpc.stream?.asked(this.#rpc.caller);
      this.#rpc.schedule(() => void this.#read(message));
    });
    call.on("end", () => {
      this.#isEnded = true;
      this.#next();
    });
    const { answerByMs } = this.#rpc;
    if (answerByMs !== Infinity) this.#disarmDeadline = clock.at(answerByMs, () => this.#giveUp(LATE));
    this.#rpc.onAbort(() => this.#giveUp(clock.now() >= answerByMs ? LATE : LEFT));
    this.#awaitNext();
  }

  /** Reads nothing of it. */
  refuse(error: unknown): void {
    this.#fail(error);
  }

  async #read(message: SubmitCancelTasksByDeviceRequest): Promise<void> {
    try {
      checkDecoded(message);
      await this.#rpc.checkCredentials();
      await this.#take(message);
    } catch (error) {
      this.#fail(error);
    }
    this.#rpc.stream?.taken();
    this.#isReading = false;
    this.#next();
  }

  async #take({ spec, deviceNames }: SubmitCancelTasksByDeviceRequest): Promise<void> {
    if (this.#isOver) return;
    if (deviceNames.length > MOST_NAMES) {
      throw invalid("device_names", `has ${deviceNames.length} names, at most ${MOST_NAMES} are allowed in a message`);
    }
    if (this.#begun) {
      if (spec) throw invalid("spec", "is allowed in the first message only");
    } else {
      if (!spec) throw invalid("spec", "is required in the first message");
      this.#spec = spec;
      this.#begun = await this.#options.begin(spec);
      if (this.#isOver) return this.#release();
    }
    await this.#begun.submission.add(deviceNames);
  }

  #next(): void {
    if (this.#isOver || this.#isReading || this.#isPublishing) return;
    if (this.#isEnded) void this.#publish();
    else this.#awaitNext();
  }

  #awaitNext(): void {
    const { clock } = this.#options;
    this.#disarmIdle();
    this.#disarmIdle = clock.at(clock.now() + MOST_IDLE_MS, () => this.#giveUp(IDLE));
    this.#call.resume();
  }

  async #publish(): Promise<void> {
    this.#isPublishing = true;
    this.#disarmIdle();
    try {
      if (!this.#begun) throw invalid("spec", "is required in the first message");
      const record = await this.#begun.submission.publish();
      this.#options.published(record);
      this.#end(status.OK, () => this.#answer(null, operationMessageOf(record, this.#options.durable())));
    } catch (error) {
      if (this.#isOver) this.#options.refused(error, this.#spec);
      else this.#fail(error);
    }
    this.#release();
  }

  #giveUp(error: GatewayError): void {
    if (!this.#isPublishing) this.#fail(error);
    else if (error === LATE) this.#answerError(ORDER_UNANSWERED);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#options.refused(error, this.#spec);
    this.#answerError(error);
  }

  #answerError(error: unknown): void {
    const wire = this.#rpc.fail(error);
    this.#end(wire.code, () => this.#answer(wire));
  }

  #end(code: status, send: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#disarmIdle();
    this.#disarmDeadline();
    this.#call.resume(); // what still arrives is dropped
    this.#call.removeAllListeners("data");
    if (!this.#isPublishing) this.#release();
    this.#rpc.schedule(() => {
      send();
      this.#rpc.finish(code);
    });
  }

  #release(): void {
    const begun = this.#begun;
    if (!begun) return;
    this.#begun = undefined;
    begun.release();
    void begun.submission.discard();
  }
}
