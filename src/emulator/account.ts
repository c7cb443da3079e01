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
import { newRequestId, type Random, randomFor } from "./random.js";
import type { Platform } from "./state/platform.js";
import type { Statistics } from "./statistics.js";

/** How a call ends; the server carries it out on the socket. */
export type Ending =
  | AnswerEnding
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
  | { readonly kind: "bad-gateway" };

interface AnswerEnding {
  readonly kind: "answer";
  readonly answer: EmulatedAnswer;
  readonly delayMs: number;
  readonly bodyMs: number;
}

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

/** The part of an answer that does not depend on the call. */
interface Sender {
  readonly requestId: string;
  readonly host: string;
}

export class EmulatedAccount {
  readonly #settings: EmulatorSettings;
  readonly #service: Service;
  readonly #statistics: AccountStatistics;
  readonly #faults: Faults;
  readonly #random: Random;
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
    this.#random = randomFor(settings, "request-id");
    this.#verify = signatureCheck(settings, clock);
  }

  /** Handles a call that arrived at the monotonic `arrivedMs`. */
  receive(request: ReceivedRequest, arrivedMs: number): Received {
    const sender = { requestId: newRequestId(this.#random), host: headerValue(request, "host") ?? "" };
    let call: KnownCall | undefined;
    let fault: Fault | undefined;
    try {
      call = this.#check(request);
      this.#admit(call, arrivedMs);
      fault = this.#faults({ action: call.action, parameters: call.parameters, number: this.#admitted });
    } catch (thrown) {
      const ending = answerWith(this.#refuse(thrown, call, sender));
      return { ending, isAdmitted: false, statistics: this.#statisticsOf(call) };
    }
    return { ending: this.#end(call, fault, sender), isAdmitted: true, statistics: this.#statisticsOf(call) };
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

  /** A fault decides what comes of the answer, whether it is a success or a refusal. */
  #end(call: KnownCall, fault: Fault | undefined, sender: Sender): Ending {
    switch (fault?.kind) {
      case "bad-gateway":
        return fault;
      case "error":
        return answerWith(this.#refuse(errorOf(fault), call, sender));
      case "hang":
      case "reset":
        if (fault.applied) this.#answer(call, sender);
        return { kind: fault.kind };
      case "delay":
        return { ...answerWith(this.#answer(call, sender)), delayMs: fault.delayMs };
      case "slow-body":
        return { ...answerWith(this.#answer(call, sender)), bodyMs: fault.bodyMs };
      case undefined:
        return answerWith(this.#answer(call, sender));
    }
  }

  /** Carries the call out, or refuses it. */
  #answer(call: KnownCall, sender: Sender): EmulatedAnswer {
    try {
      const fields = { RequestId: sender.requestId, Success: true, ...this.#execute(call).fields };
      return { status: 200, root: `${call.action}Response`, fields };
    } catch (thrown) {
      return this.#refuse(thrown, call, sender);
    }
  }

  #refuse(thrown: unknown, call: KnownCall | undefined, sender: Sender): EmulatedAnswer {
    const refusal = withStatus(refusalOf(thrown), call?.operation, this.#settings);
    this.#statisticsOf(call).refused(refusal.code);
    return refusalAnswer(refusal, { ...sender, action: call?.action ?? "" });
  }

  #statisticsOf(call: KnownCall | undefined): Statistics {
    return call ? this.#statistics.of(call.action) : this.#statistics.outside;
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

function answerWith(answer: EmulatedAnswer): AnswerEnding {
  return { kind: "answer", answer, delayMs: 0, bodyMs: 0 };
}

function errorOf(fault: Fault & { readonly kind: "error" }): PopError | ServiceError {
  const { code, status, message, retryAfterMs } = fault;
  if (fault.shape === "service") return new ServiceError(code, message, { status });
  const headers = retryAfterMs === undefined ? {} : { "x-acs-retry-after": String(retryAfterMs) };
  return new PopError(code, status, message, headers);
}
