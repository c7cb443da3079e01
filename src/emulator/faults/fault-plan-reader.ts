// Reads a fault plan from JSON. For an error, the code is enough if the emulator knows it: shape,
// status and message then follow from it.
import { JsonObject } from "../checked-json.js";
import { OPERATIONS } from "../operations/registry.js";
import { knownRefusal, ServiceError } from "../protocol/errors.js";
import { type FaultPlan, type FaultRule, NO_FAULTS } from "./fault-plan.js";
import type { Fault } from "./faults.js";

const DAY_MS = 86_400_000;
const TEN_MINUTES_MS = 600_000;
const MANY = 1_000_000_000;

/**
 * Reads a plan. Throws JsonMistakes with every mistake. Faults that the JSON leaves
 * out are not in force.
 */
export function readFaultPlan(json: unknown): FaultPlan {
  const body = new JsonObject(json, Object.keys(NO_FAULTS));
  const plan: FaultPlan = {
    latencyMs: body.number("latencyMs", [0, TEN_MINUTES_MS]) ?? 0,
    jitterMs: body.number("jitterMs", [0, TEN_MINUTES_MS]) ?? 0,
    processingMs: body.number("processingMs", [0, TEN_MINUTES_MS]) ?? 0,
    clockSkewMs: body.number("clockSkewMs", [-365 * DAY_MS, 365 * DAY_MS]) ?? 0,
    refuseConnectionsMs: body.number("refuseConnectionsMs", [0, TEN_MINUTES_MS]) ?? 0,
    rules: body.objects("rules", ["action", "deviceName", "skip", "times", "rate", "fault"]).map(
      (rule): FaultRule => ({
        action: rule.oneOf("action", Object.keys(OPERATIONS)),
        deviceName: rule.text("deviceName"),
        skip: rule.whole("skip", [0, MANY]),
        times: rule.whole("times", [1, MANY]),
        rate: rule.number("rate", [0, 1]),
        fault: readFault(rule.object("fault", FAULT_FIELDS)),
      }),
    ),
  };
  body.check();
  return plan;
}

/** The fields of each kind, beside `kind` itself. */
const FIELDS_OF: Readonly<Record<Fault["kind"], readonly string[]>> = {
  hang: ["applied"],
  reset: ["applied"],
  "bad-gateway": [],
  error: ["shape", "status", "code", "message", "retryAfterMs"],
  delay: ["delayMs"],
  "slow-body": ["bodyMs"],
};
const KINDS = Object.keys(FIELDS_OF) as Fault["kind"][];
const FAULT_FIELDS = ["kind", ...new Set(Object.values(FIELDS_OF).flat())];

function readFault(json: JsonObject): Fault {
  json.needs("kind");
  const kind = json.oneOf("kind", KINDS);
  const fields = kind === undefined ? FAULT_FIELDS : ["kind", ...FIELDS_OF[kind]];
  for (const name of FAULT_FIELDS) {
    if (fields.includes(name) || !json.has(name)) continue;
    json.mistake(name, `is no field of ${kind}; it has ${fields.slice(1).join(", ") || "none"}`);
  }
  switch (kind) {
    case "hang":
    case "reset":
      return { kind, applied: json.flag("applied") ?? false };
    case "error":
      return readError(json);
    case "delay":
      json.needs("delayMs");
      return { kind, delayMs: json.number("delayMs", [0, TEN_MINUTES_MS]) ?? 0 };
    case "slow-body":
      json.needs("bodyMs");
      return { kind, bodyMs: json.number("bodyMs", [0, TEN_MINUTES_MS]) ?? 0 };
    case "bad-gateway":
    case undefined:
      return { kind: "bad-gateway" };
  }
}

function readError(json: JsonObject): Fault {
  json.needs("code");
  const code = json.text("code") ?? "";
  const known = knownRefusal(code);
  const shape = json.oneOf("shape", ["gateway", "service"]) ?? (known instanceof ServiceError ? "service" : "gateway");
  const retryAfterMs = json.number("retryAfterMs", [0, DAY_MS]);
  if (shape === "service" && json.has("retryAfterMs"))
    json.mistake("retryAfterMs", "is sent in the shape gateway only");
  return {
    kind: "error",
    shape,
    status: json.whole("status", [200, 599]) ?? known?.status ?? (known ? 200 : 400),
    code,
    message: json.text("message") ?? known?.message ?? code,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}
