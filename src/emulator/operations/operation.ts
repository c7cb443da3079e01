// Defines an operation of the IoT service: its quota, the parameters that it reads, and what it
// does with them.
import type { OpenQuestions } from "../open-questions.js";
import type { AnswerFields } from "../protocol/answer.js";
import type { Platform } from "../state/platform.js";
import type { CallParameters, Reader } from "./readers.js";

export interface Service {
  readonly platform: Platform;
  readonly openQuestions: OpenQuestions;
  /** How long after its arrival a CancelOTATaskByJob has been applied. */
  readonly byJobDelayMs: number;
  /** The version of a newly registered device. */
  readonly deviceVersion: string;
}

export interface Executed {
  /** Fields of the answer besides RequestId and Success. */
  readonly fields?: AnswerFields;
  /** Number of distinct devices in the call, where that is counted. */
  readonly devices?: number;
}

export interface EmulatedOperation extends Outline {
  /** Every parameter that it knows, except `IotInstanceId`, which all operations know. */
  readonly parameters: Readers;
  /** Carries a call out, or throws. */
  execute(parameters: CallParameters, service: Service): Executed;
}

interface Outline {
  /** Documented: calls a second for the whole account. */
  readonly callsPerSecond: number;
  readonly methods: readonly string[];
  /**
   * Documented for the newer operations: refusals come as HTTP 400, not as 200 with `Success:
   * false`.
   */
  readonly refusesWith400?: true;
}

type Readers = Readonly<Record<string, Reader<unknown>>>;
type Asked<R extends Readers> = { readonly [Name in keyof R]: R[Name] extends Reader<infer T> ? T : never };

export const ANY_METHOD = ["GET", "POST"] as const;

/**
 * Creates an operation. `parameters` are read in their order, which decides the mistake that is
 * reported first.
 */
export function operation<R extends Readers>(
  spec: Outline & { readonly parameters: R; carryOut(asked: Asked<R>, service: Service): Executed },
): EmulatedOperation {
  const { carryOut, ...outline } = spec;
  const readers = Object.entries<Reader<unknown>>(spec.parameters);
  return {
    ...outline,
    execute(parameters, service) {
      const asked = readers.map(([name, reader]) => [name, reader.read(parameters, name)]);
      return carryOut(Object.fromEntries(asked) as Asked<R>, service);
    },
  };
}
