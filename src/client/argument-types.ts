// Checks the types of what a caller passes to the client. TypeScript does that for its callers; one
// from JavaScript would get a TypeError from deep within, or cancel for the letters of a name.
import { invalidError } from "./ota-error.js";
import type { CancelRequest, StopRequest, SubmitSpec } from "./request.js";

type Type = "string" | "boolean" | "number" | "function";

const TYPES: Record<
  Exclude<keyof CancelRequest | keyof SubmitSpec | keyof StopRequest, "deviceNames" | "states">,
  Type
> = {
  productKey: "string",
  firmwareId: "string",
  jobId: "string",
  iotInstanceId: "string",
  account: "string",
  priority: "string",
  reason: "string",
  verify: "boolean",
  validateOnly: "boolean",
  checkDevices: "boolean",
  requireAll: "boolean",
  requestId: "string",
  timeToLiveMs: "number",
  keepStrategies: "boolean",
  etag: "string",
  settleMs: "number",
  includeNewJobs: "boolean",
  listInstalled: "boolean",
};

/**
 * Throws OtaError unless it is an object whose fields have their types, or are undefined. Numbers
 * must be finite: no time on the wire is endless.
 */
export function checkRequestTypes(request: unknown): void {
  const { deviceNames, states, ...fields } = objectOf("request", request);
  for (const [field, type] of Object.entries(TYPES)) {
    if (fields[field] !== undefined) checkType(protoName(field), fields[field], type);
  }
  checkTexts("device_names", deviceNames);
  checkTexts("states", states);
}

function checkTexts(field: string, texts: unknown): void {
  if (texts === undefined) return;
  if (!Array.isArray(texts)) throw wrongType(field, "an array of strings", texts);
  checkEachText(field, texts);
}

/** `before`: how many of the list came before these. */
export function checkEachText(field: string, texts: readonly unknown[], before = 0): void {
  const index = texts.findIndex((text) => typeof text !== "string");
  if (index >= 0) throw wrongType(`${field}[${before + index}]`, "a string", texts[index]);
}

/** The same for the names of a list: a single string would be taken for a list of its letters. */
export function checkNamesType(names: unknown): void {
  const isList = typeof names === "object" && names && (Symbol.iterator in names || Symbol.asyncIterator in names);
  if (!isList) throw wrongType("names", "an iterable of strings", names);
}

export function checkAccountType(account: unknown): void {
  checkType("account", account, "string");
}

/** All but `timeoutMs`, which has a check of its own. */
export function checkOptionTypes(options: unknown): void {
  const { signal, onProgress } = objectOf("options", options);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw wrongType("signal", "an AbortSignal", signal);
  if (onProgress !== undefined) checkType("onProgress", onProgress, "function");
}

function objectOf(field: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw wrongType(field, "an object", value);
  return value as Readonly<Record<string, unknown>>;
}

function checkType(field: string, value: unknown, type: Type): void {
  const isWrong = typeof value !== type || (typeof value === "number" && !Number.isFinite(value));
  if (isWrong) throw wrongType(field, `a ${type}`, value);
}

/** The value is not quoted: it may be anything. */
function wrongType(field: string, expected: string, found: unknown): Error {
  const isName = found === null || found === undefined || (typeof found === "number" && !Number.isFinite(found));
  const told = isName ? String(found) : `of type ${typeof found}`;
  return invalidError(field, `must be ${expected}, is ${told}`);
}

/** `productKey` is `product_key` in the contract, and in the gateway's own violations. */
function protoName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
