// What an operation of the IoT service is: its quota, the parameters it reads, and what it does with them.
import type { OpenQuestions } from "../open-questions.js";
import type { AnswerFields } from "../protocol/answer.js";
import type { Platform } from "../state/platform.js";
import type { CallParameters, Reader } from "./readers.js";

export interface Service {
  readonly platform: Platform;
  readonly openQuestions: OpenQuestions;
  /** The version that a device has which was just registered. */
  readonly deviceVersion: string;
}

export interface Executed {
  /** What the answer carries besides RequestId and Success. */
  readonly fields?: AnswerFields;
  /** How many distinct devices the call was for, where that is counted. */
  readonly devices?: number;
}

export interface EmulatedOperation extends Outline {
  /** Every parameter that it knows but `IotInstanceId`, which all know. */
  readonly parameters: Readers;
  /** Carries a call out, or throws. */
  execute(parameters: CallParameters, service: Service): Executed;
}

interface Outline {
  /** Documented: calls a second for the whole account. */
  readonly callsPerSecond: number;
  readonly methods: readonly string[];
  /** Documented for the newer operations: refusals come as HTTP 400, and not as a 200 with `Success: false`. */
  readonly refusesWith400?: true;
}

type Readers = Readonly<Record<string, Reader<unknown>>>;
type Asked<R extends Readers> = { readonly [Name in keyof R]: R[Name] extends Reader<infer T> ? T : never };

export const ANY_METHOD = ["GET", "POST"] as const;

/** `parameters` are read in their order, which is the order in which they are complained of. */
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
