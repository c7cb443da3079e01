// What an operation of the IoT service is: parameters in, a change of the fleet, fields out.
import type { Fields } from "../answer.js";
import type { Fleet } from "../fleet.js";
import type { OpenQuestions } from "../open-questions.js";
import type { CallParameters } from "../parameters.js";

export interface Service {
  readonly fleet: Fleet;
  readonly openQuestions: OpenQuestions;
}

export interface Executed {
  /** What the answer carries besides RequestId and Success. */
  readonly fields: Fields;
  /** How many distinct devices the call was for. */
  readonly devices: number;
}

/** Carries a call out, or throws and changes nothing. */
export type Operation = (parameters: CallParameters, service: Service) => Executed;
