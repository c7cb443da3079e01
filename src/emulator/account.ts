// One account of the emulated upstream. A call is verified, counted, admitted and carried out, in
// this order and in one step, so that calls never interleave. This is the only place that turns
// thrown errors into answers.
import type { Clock } from "../base/clock.js";
import type { AccountStatistics } from "./account-statistics.js";
import type { Fault, Faults } from "./faults/faults.js";
import type { EmulatedOperation, Executed, Service } from "./operations/operation.js";
import { API_VERSION, CANCEL_OPERATION, operationOf } from "./operations/registry.js";
import type { EmulatorSettings } from "./options.js";
import type { EmulatedAnswer } from "./protocol/answer.js";
import { PopError, popError, ServiceError, serviceError } from "./protocol/errors.js";
import { refusalAnswer, refusalOf, withStatus } from "./protocol/refusal-answer.js";
import { type SignedCall, signatureCheck } from "./protocol/signature-check.js";
import { throttled } from "./protocol/throttling.js";
import { headerValue, type ReceivedRequest } from "./protocol/wire.js";
import { createQuota, type EmulatedQuota } from "./quota.js";
import { newRequestId } from "./random.js";
import type { Platform } from "./state/platform.js";
import type { Statistics } from "./statistics.js";

/** How a call ends; the server carries it out on the socket. */
export type Ending =
  | { readonly kind: "answer"; readonly answer: EmulatedAnswer; readonly delayMs: number; readonly bodyMs: number }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
  | { readonly kind: "bad-gateway" };

export interface Received {
  readonly ending: Ending;
  /** Within the quota. */
  readonly isAdmitted: boolean;
  /** The counters that the call belongs to. */
  readonly statistics: Statistics;
}

/** A call of an operation that exists. */
interface KnownCall extends SignedCall {
  readonly operation: EmulatedOperation;
}

export class EmulatedAccount {
  readonly #settings: EmulatorSettings;
  readonly #service: Service;
  readonly #statistics: AccountStatistics;
  readonly #faults: Faults;
  readonly #verify: (request: ReceivedRequest) => SignedCall;
  readonly #quotas = new Map<string, EmulatedQuota>();
  #newestMs = Number.NEGATIVE_INFINITY;
  #admitted = 0;

  /** `clock` is the account's own, which may be skewed. */
  constructor(
    settings: EmulatorSettings,
    platform: Platform,
    statistics: AccountStatistics,
    faults: Faults,
    clock: Clock = settings.clock,
  ) {
    this.#settings = settings;
    const { deviceVersion, byJobDelayMs } = settings;
    this.#service = { platform, openQuestions: settings, deviceVersion, byJobDelayMs };
    this.#statistics = statistics;
    this.#faults = faults;
    this.#verify = signatureCheck(settings, clock);
  }

  /** Handles a call that arrived at the monotonic `arrivedMs`. */
  receive(request: ReceivedRequest, arrivedMs: number): Received {
    const requestId = newRequestId(this.#settings.random);
    let call: KnownCall | undefined;
    let isAdmitted = false;
    try {
      call = this.#check(request);
      this.#admit(call, arrivedMs);
      isAdmitted = true;
      return { ending: this.#carryOut(call, requestId), isAdmitted, statistics: this.#statistics.of(call.action) };
    } catch (thrown) {
      const refusal = withStatus(refusalOf(thrown), call?.operation, this.#settings);
      const statistics = call ? this.#statistics.of(call.action) : this.#statistics.outside;
      statistics.refused(refusal.code);
      const host = headerValue(request, "host") ?? "";
      const answer = refusalAnswer(refusal, { requestId, action: call?.action ?? "", host });
      return { ending: { kind: "answer", answer, delayMs: 0, bodyMs: 0 }, isAdmitted, statistics };
    }
  }

  #check(request: ReceivedRequest): KnownCall {
    if (request.method !== "GET" && request.method !== "POST") throw popError("UnsupportedHTTPMethod");
    if (request.path !== "/") throw popError("InvalidApi.NotFound");
    const call = this.#verify(request);
    const operation = operationOf(call.action);
    if (call.version !== API_VERSION || !operation) throw popError("InvalidApi.NotFound");
    if (!operation.methods.includes(request.method)) throw popError("UnsupportedHTTPMethod");
    return { ...call, operation };
  }

  #admit({ action, operation }: KnownCall, arrivedMs: number): void {
    // A call whose body came late may be verified after a later call. It then counts as arriving no
    // earlier than that one, because the windows take moments in order. That moment still lies
    // between its sending and its answer.
    this.#newestMs = Math.max(this.#newestMs, arrivedMs);
    const statistics = this.#statistics.of(action);
    statistics.arrived(this.#newestMs);
    const { window, quota: cancelsPerSecond, quotas } = this.#settings;
    const documented = action === CANCEL_OPERATION ? cancelsPerSecond : operation.callsPerSecond;
    const callsPerSecond = quotas[action] ?? documented;
    const quota = this.#quotas.get(action) ?? createQuota(window, callsPerSecond);
    this.#quotas.set(action, quota);
    const admission = quota.admit(this.#newestMs);
    if (!admission.admitted) throw throttled(this.#settings, callsPerSecond, admission.retryAfterMs);
    statistics.admitted();
    this.#admitted++;
  }

  #carryOut(call: KnownCall, requestId: string): Ending {
    const { action, parameters } = call;
    const fault = this.#faults({ action, parameters, number: this.#admitted });
    switch (fault?.kind) {
      case "bad-gateway":
        return fault;
      case "error":
        throw errorOf(fault);
      case "hang":
      case "reset":
        if (fault.applied) this.#execute(call);
        return { kind: fault.kind };
      case "delay":
      case "slow-body":
      case undefined: {
        const fields = { RequestId: requestId, Success: true, ...this.#execute(call).fields };
        return {
          kind: "answer",
          answer: { status: 200, root: `${action}Response`, fields },
          delayMs: fault?.kind === "delay" ? fault.delayMs : 0,
          bodyMs: fault?.kind === "slow-body" ? fault.bodyMs : 0,
        };
      }
    }
  }

  #execute({ action, parameters, operation }: KnownCall): Executed {
    this.#service.platform.timeline.settle();
    const { instanceId, instanceError } = this.#settings;
    if (instanceId !== "" && parameters.get("IotInstanceId") !== instanceId) throw serviceError(instanceError);
    const executed = operation.execute(parameters, this.#service);
    this.#statistics.of(action).succeeded(executed.devices ?? 0);
    return executed;
  }
}

function errorOf(fault: Fault & { readonly kind: "error" }): PopError | ServiceError {
  const { code, status, message, retryAfterMs } = fault;
  if (fault.shape === "service") return new ServiceError(code, message, { status });
  const headers = retryAfterMs === undefined ? {} : { "x-acs-retry-after": String(retryAfterMs) };
  return new PopError(code, status, message, headers);
}
