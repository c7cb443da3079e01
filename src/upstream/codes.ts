// Maps each upstream error code to a reaction: one table of families, first match wins. The vendor
// publishes no codes for CancelOTATaskByDevice itself, so the rows come from its sibling
// operations, from the registries of its API gateway, and from what the vendor's own clients retry
// or renew keys on. A code without a row is classified by its HTTP status and passed on unchanged.
import type { Reaction, Rejection } from "../gateway/upstream.js";

/** How a fault of the gateway's own may be cured: learn the clock's offset, or fetch newer keys. */
export type Recovery = "clock" | "credentials" | "none";

/** A reaction, before it is known whether the gateway could recover. */
export type CodeMeaning =
  | Exclude<Reaction, { kind: "internal" }>
  | { readonly kind: "internal"; readonly recovery: Recovery };

const THROTTLED: CodeMeaning = { kind: "throttled" };
const UNAVAILABLE: CodeMeaning = { kind: "unavailable" };
const internal = (recovery: Recovery): CodeMeaning => ({ kind: "internal", recovery });
const rejected = (rejection: Rejection): CodeMeaning => ({ kind: "rejected", rejection, deviceFault: false });
const deviceFault = (rejection: Rejection): CodeMeaning => ({ kind: "rejected", rejection, deviceFault: true });

type Row = readonly [code: RegExp, meaning: CodeMeaning];

/**
 * The platform's troubles, which pass: sent again. `Throttling*`, `Rejected.Throttling`,
 * `ServiceUnavailable*` and `InternalError` are repeated by the vendor's Terraform provider
 * (`NeedRetry`), its data lake client (`RETRYABLE_ERROR_CODE`) and its secrets managers
 * (`BackoffUtils`, with `InternalFailure`); `SystemBusy`, `OperationBusy` and `ServiceBusy` by the
 * first (`SlbIsBusy`), `ServerBusy` by its log client (`RetriableErrors`). Some registries have
 * `UnknownError` with the text of `InternalError`.
 */
const PLATFORM: readonly Row[] = [
  [/^Throttl|\.Throttl|(^|\.)TooManyRequests?|Flow\.?Control|(Rate|Qps|Flow|Frequency)\.?Limit/i, THROTTLED],
  // A repeat carries a new nonce. The fate of the request that used this one is unknown.
  [/^(?!iot\.|Missing).*Nonce/i, UNAVAILABLE],
  [/^(ServiceUnavailable|Internal(Server)?Error|InternalFailure|UnknownError)/i, UNAVAILABLE],
];

/**
 * The gateway's own clock, keys and request, which no caller can mend. Codes of the service
 * behind the API gateway begin with `iot.` and know nothing of them. In the older registries (ECS,
 * KMS, PolarDB) a clock that is off is `IllegalTimestamp`, a disabled key
 * `Forbidden.AccessKeyDisabled`, and a wrong signature `IncompleteSignature`, which the vendor's
 * Java client takes for a wrong secret.
 */
const OURS: readonly Row[] = [
  [/^(?!iot\.).*(Time\.?Stamp|Time(Too)?Skew|(Request|Signature)\.?(Has)?Expired)/i, internal("clock")],
  [/^(Invalid|Illegal|Missing|Expired)\.?Date\b/i, internal("clock")],
  [/^Missing\.?AccessKey/i, internal("none")],
  // A key can be disabled while a call signed with it is under way, when the new key is already
  // available. And if key files are replaced one after the other, a new id can be read together
  // with the old secret.
  [/^(?!iot\.).*(AccessKey|SecurityToken)|^(SignatureDoesNotMatch|IncompleteSignature)/i, internal("credentials")],
  [/^(Invalid|Missing|Illegal|Unsupported)\.?(Signature|Authorization)/i, internal("none")],
  [/^(Invalid|Missing|Unsupported)\.?(Action|Version|Format$|Api\.|Product\.|Protocol)/i, internal("none")],
  [/^Unsupported(HTTPMethod|Operation)/i, internal("none")],
  // The gateway sizes the calls, so a call that is too large is its fault; and the account is its
  // own.
  [/^iot\.(device\.TooManyDeviceNamesPerRequest|system\.UidNotFound)$/i, internal("none")],
];

/** The caller's mistakes: passed on. */
const CALLERS: readonly Row[] = [
  [/^(Forbidden|NoPermission)|PermissionDeny|\.OperationForbidden$|\.NotFirmwareOwner$/i, rejected("forbidden")],

  // Only codes that blame a device of the list: on these, a full call is halved to find that
  // device.
  [/^iot\.(device\.NotExistedDevice|ota\.DeviceNotExist)$/i, deviceFault("not-found")],
  [/^iot\.device\.InvalidFormattedDeviceName(InNameArray)?$/i, deviceFault("invalid")],

  // These are named invalid, but their texts say that the thing does not exist.
  [/^iot\.ota\.(InvalidJobId|InvalidFirmwareUid|InvalidTaskId)$/i, rejected("not-found")],
  [/NotExist|NotFound/i, rejected("not-found")],
  [/Mismatch$|^iot\.(ota\.(Job|Firmware|Unmatched)|system\.(BillIsOverDue|InstanceIdSame))/i, rejected("precondition")],
  [/(^|\.)(Missing|Invalid|Illegal|Incorrect|Null|None|Empty)/i, rejected("invalid")],
];

/**
 * The rest of the codes that name the platform itself: the vendor calls every `iot.system` and
 * `iot.Sre` code a system error, and the rows above have those that are none.
 */
const PLATFORM_BY_NAME: readonly Row[] = [
  [/^iot\.(system|Sre)\./i, UNAVAILABLE],
  [/(Busy|Time\.?out|TimedOut|Unavailable|Overload(ed)?|SystemException)$/i, UNAVAILABLE],
];

/**
 * Letter case is ignored: the vendor's own list has `InvalidFormattedProductkey` and `Iot.system`.
 */
const MEANINGS: readonly Row[] = [...PLATFORM, ...OURS, ...CALLERS, ...PLATFORM_BY_NAME];

/**
 * Those that say what is wrong, and that it is no device: the package, batch, product, instance,
 * permission, key or bill.
 */
const REQUEST_WIDE = [
  /^(Forbidden|NoPermission|NoEnabledAccessKey|InvalidAccessKeyId)|PermissionDeny/i,
  /\.(OperationForbidden|NotFirmwareOwner|BillIsOverDue|APINotSupportedInInstance|TenantIdMisMatch)$/i,
  /^iot\.ota\.(FirmwareNotFound|InvalidFirmwareUid|FirmwareAndProductKeyMismatch|InvalidJobId)$/i,
  /^iot\.(prod\.NotExistedProduct|system\.InstanceNotFound|Sre\.IotInstanceNotFound|ota\.InstanceIdMisMatch)$/i,
];

/** Whether the code refuses any call of the same scope, whatever its devices. */
export function isRequestWide(code: string): boolean {
  return REQUEST_WIDE.some((pattern) => pattern.test(code));
}

/**
 * Decides what a code calls for. An unknown or empty code goes by the HTTP status, and by whether
 * the answer asks to wait: the vendor's own clients treat every refusal that asks to wait as a
 * throttle.
 */
export function meaningOf(code: string, status: number, asksToWait: boolean, message = ""): CodeMeaning {
  const known = ourParameter(code, message) ?? knownMeaning(code);
  if (known) return known;
  if (status === 429 || asksToWait) return THROTTLED;
  if (status >= 500) return UNAVAILABLE;
  return rejected(status === 401 || status === 403 ? "forbidden" : "precondition");
}

/** The meaning of a code in the table; undefined if no row matches. */
export function knownMeaning(code: string): CodeMeaning | undefined {
  return MEANINGS.find(([pattern]) => pattern.test(code))?.[1];
}

const UNNAMED = /^(Missing|Invalid|Illegal|Unsupported)Param(?:eter|ater)?$/i;
const NAMED = /\bparam(?:eter)?\s+["'“”‘]*([a-z]\w*(?:\.\w+)?)/i;

/**
 * The older registries name the parameter in the text and not in the code: `MissingParameter`, `The
 * input parameter "TimeStamp" that is mandatory …`. If it is one that the gateway adds itself, the
 * fault is the gateway's.
 */
function ourParameter(code: string, message: string): CodeMeaning | undefined {
  const kind = UNNAMED.exec(code)?.[1];
  const name = kind && NAMED.exec(message)?.[1];
  if (!name) return undefined;
  return OURS.find(([pattern]) => pattern.test(`${kind}${name}`))?.[1];
}
