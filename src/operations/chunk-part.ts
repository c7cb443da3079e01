// Some devices of one chunk on their way through the gateway: queued, sent and, if asked, read
// back. Each outcome is reported once; devices that get none are `left` when the part is over. It
// is over whatever fails: an error here must end neither the process nor the operation.
import type { Span } from "@opentelemetry/api";
import type { Command } from "../gateway/command.js";
import type { DeviceOutcome } from "../gateway/device-outcome.js";
import type { Failure } from "../gateway/failures.js";
import type { Follower } from "../gateway/follower.js";
import type { Gateway, Request } from "../gateway/gateway.js";
import type { Answer } from "../gateway/waiter.js";

export interface ChunkPartOptions {
  readonly gateway: Pick<Gateway, "cancel" | "verify" | "leaveVerify">;
  readonly command: Command;
  readonly span: Span | undefined;
  /** For each device of the command its index in the chunk. */
  readonly indexes: readonly number[];
  /** If set, tasks are read back until then; monotonic. */
  readonly verifyUntilMs?: number;
  /** Outcomes of an earlier cancel, if only reading back is left. */
  readonly carriedOut?: readonly DeviceOutcome[];
  readonly sendUntilMs: () => number;
  readonly sent: (sentWallMs: number) => void;
  /** `isProvisional`: it is still being read back. Returns false to have the device left. */
  readonly settled: (index: number, outcome: DeviceOutcome, isProvisional: boolean) => boolean;
  /** Unexpected errors. */
  readonly failed: (error: unknown) => void;
  /** It is over. Devices at these indexes have no final outcome; this is what is known of them. */
  readonly over: (left: readonly (readonly [number, DeviceOutcome])[]) => void;
}

export class ChunkPart {
  readonly #options: ChunkPartOptions;
  readonly #states: ("open" | "provisional" | "final")[];
  #isStarted = false;
  #mayRead = true;
  #request: Request | undefined;
  #carriedOut: { readonly command: Command; readonly span: Span | undefined } | undefined;

  constructor(options: ChunkPartOptions) {
    this.#options = options;
    this.#states = options.indexes.map(() => (options.carriedOut ? "provisional" : "open"));
  }

  get devices(): number {
    return this.#options.indexes.length;
  }

  /** Enters the queue, or throws GatewayError. */
  start(): void {
    const { gateway, command, span, sendUntilMs, sent, carriedOut } = this.#options;
    if (carriedOut) {
      this.#isStarted = true;
      void this.#conclude(Promise.resolve({ outcomes: carriedOut, callIndexes: [], calls: [], quotaWaitMs: 0 }));
      return;
    }
    const follower: Follower = {
      get sendUntilMs() {
        return sendUntilMs();
      },
      sent,
      settled: (at, outcome) => this.#settled(at, outcome),
    };
    this.#request = gateway.cancel(command, span, follower);
    this.#isStarted = true;
    void this.#conclude(this.#request.told);
  }

  /** Nothing more is sent; calls that were sent run to their end. */
  withdraw(failure: Failure): void {
    const { indexes, carriedOut, over } = this.#options;
    if (this.#isStarted) this.#request?.recall(failure);
    else over(indexes.map((index, at) => [index, carriedOut?.[at] ?? { kind: "not-attempted", failure }]));
  }

  /** Nothing more is read back. */
  stopReading(): void {
    this.#mayRead = false;
    if (this.#carriedOut) this.#options.gateway.leaveVerify(this.#carriedOut);
  }

  #settled(at: number, outcome: DeviceOutcome): void {
    const { verifyUntilMs, indexes, settled } = this.#options;
    const isProvisional = verifyUntilMs !== undefined && isWorthReading(outcome);
    if (!settled(indexes[at] as number, outcome, isProvisional)) return;
    this.#states[at] = isProvisional ? "provisional" : "final";
  }

  /** Never rejects. */
  async #conclude(telling: Promise<Answer>): Promise<void> {
    const { indexes, failed, over } = this.#options;
    try {
      const answer = await telling;
      const { outcomes } = await this.#readBack(answer).catch((error: unknown) => {
        failed(error);
        return answer;
      });
      const left = outcomes.flatMap((outcome, at) =>
        this.#states[at] === "final" ? [] : [[indexes[at] as number, outcome] as const],
      );
      over(left);
    } catch (error) {
      failed(error);
    }
  }

  async #readBack(answer: Answer): Promise<Answer> {
    const { gateway, command, span, verifyUntilMs, indexes, settled } = this.#options;
    if (verifyUntilMs === undefined || !this.#mayRead) return answer;
    this.#carriedOut = { command: { ...command, answerByMs: verifyUntilMs }, span };
    const told = await gateway.verify(this.#carriedOut, answer);
    this.#carriedOut = undefined;
    for (const [at, outcome] of told.outcomes.entries()) {
      if (this.#states[at] !== "provisional" || !this.#mayRead) continue;
      this.#states[at] = "final";
      settled(indexes[at] as number, outcome, false);
    }
    return told;
  }
}

function isWorthReading({ kind }: DeviceOutcome): boolean {
  return kind === "accepted" || kind === "unknown";
}
