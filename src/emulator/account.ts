// One account of the upstream: a call is verified, counted, admitted and carried out, in this order and in
// one go, so that calls never interleave. The one place where what was thrown becomes an answer.
import type { Answer } from "./answer.js";
import { GatewayError, gatewayError, ServiceError } from "./errors.js";
import type { Fleet } from "./fleet.js";
import type { Executed, Operation, Service } from "./operations/operation.js";
import { API_VERSION, OPERATIONS } from "./operations/registry.js";
import type { EmulatorSettings } from "./options.js";
import { type Quota, quotaOf } from "./quota.js";
import { newRequestId } from "./random.js";
import { refusalAnswer, refusalOf } from "./refusal.js";
import { type SignedCall, signatureCheck } from "./signature-check.js";
import type { Statistics } from "./statistics.js";
import { headerOf, type WireRequest } from "./wire.js";

/** How a call ends, for the server to play. */
export type Ending =
  | { readonly kind: "answer"; readonly answer: Answer; readonly delayMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
  | { readonly kind: "bad-gateway" };

export class Account {
  readonly #settings: EmulatorSettings;
  readonly #service: Service;
  readonly #statistics: Statistics;
  readonly #verify: (request: WireRequest) => SignedCall;
  readonly #quotas = new Map<string, Quota>();
  #newestMs = Number.NEGATIVE_INFINITY;
  #admitted = 0;

  constructor(settings: EmulatorSettings, fleet: Fleet, statistics: Statistics) {
    this.#settings = settings;
    this.#service = { fleet, openQuestions: settings };
    this.#statistics = statistics;
    this.#verify = signatureCheck(settings, settings.clock);
  }

  /** Takes a call that arrived at the monotonic `arrivedMs`. */
  receive(request: WireRequest, arrivedMs: number): Ending {
    const requestId = newRequestId(this.#settings.random);
    let action = "";
    try {
      const call = this.#check(request);
      action = call.action;
      this.#admit(action, arrivedMs);
      return this.#carryOut(call, requestId);
    } catch (thrown) {
      const refusal = refusalOf(thrown);
      this.#statistics.refused(refusal.code);
      const host = headerOf(request, "host") ?? "";
      return { kind: "answer", answer: refusalAnswer(refusal, { requestId, action, host }), delayMs: 0 };
    }
  }

  #check(request: WireRequest): SignedCall {
    if (request.method !== "GET" && request.method !== "POST") throw gatewayError("UnsupportedHTTPMethod");
    if (request.path !== "/") throw gatewayError("InvalidApi.NotFound");
    const call = this.#verify(request);
    if (call.version !== API_VERSION || !operationOf(call.action)) throw gatewayError("InvalidApi.NotFound");
    return call;
  }

  #admit(action: string, arrivedMs: number): void {
    // A call whose body came late may be verified after a later one. It then counts no earlier than that
    // one: the windows take moments in order, and it is still between being sent and being answered.
    this.#newestMs = Math.max(this.#newestMs, arrivedMs);
    this.#statistics.arrived(this.#newestMs);
    const quota = this.#quotas.get(action) ?? quotaOf(this.#settings.window, this.#settings.quota);
    this.#quotas.set(action, quota);
    const admission = quota.admit(this.#newestMs);
    if (!admission.admitted) throw gatewayError("Throttling.User", admission.retryAfterMs);
    this.#statistics.admitted();
    this.#admitted++;
  }

  #carryOut(call: SignedCall, requestId: string): Ending {
    const { action, parameters } = call;
    const fault = this.#settings.faults({ action, parameters, number: this.#admitted });
    switch (fault?.kind) {
      case "bad-gateway":
        return fault;
      case "error": {
        const { code, status, message } = fault;
        throw fault.shape === "service"
          ? new ServiceError(code, message, status)
          : new GatewayError(code, status, message);
      }
      case "hang":
      case "reset":
        if (fault.applied) this.#execute(call);
        return { kind: fault.kind };
      case "delay":
      case undefined: {
        const fields = { RequestId: requestId, Success: true, ...this.#execute(call).fields };
        return {
          kind: "answer",
          answer: { status: 200, root: `${action}Response`, fields },
          delayMs: fault?.delayMs ?? 0,
        };
      }
    }
  }

  #execute({ action, parameters }: SignedCall): Executed {
    const operation = operationOf(action);
    if (!operation) throw gatewayError("InvalidApi.NotFound");
    const executed = operation(parameters, this.#service);
    this.#statistics.succeeded(executed.devices);
    return executed;
  }
}

/** Own keys only: an action may be called `constructor`. */
function operationOf(action: string): Operation | undefined {
  return Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
}
