// Maps each upstream error code to a reaction: one table, first match wins. The vendor publishes no
// codes for CancelOTATaskByDevice itself, so the rows come from its sibling operations and from the
// vendor's API gateway. A code without a row is classified by its HTTP status and passed on
// unchanged.
import type { Reaction, Rejection } from "../gateway/upstream.js";

/** How a fault of the gateway's own may be cured: learn the clock's offset, or fetch newer keys. */
export type Recovery = "clock" | "credentials" | "none";

/** A reaction, before it is known whether the gateway could recover. */
export type CodeVerdict =
  | Exclude<Reaction, { kind: "internal" }>
  | { readonly kind: "internal"; readonly recovery: Recovery };

const THROTTLED: CodeVerdict = { kind: "throttled" };
const UNAVAILABLE: CodeVerdict = { kind: "unavailable" };
const internal = (recovery: Recovery): CodeVerdict => ({ kind: "internal", recovery });
const rejected = (rejection: Rejection): CodeVerdict => ({ kind: "rejected", rejection, deviceFault: false });
const deviceFault = (rejection: Rejection): CodeVerdict => ({ kind: "rejected", rejection, deviceFault: true });

/**
 * Letter case is ignored: the vendor's own list has `InvalidFormattedProductkey` and `Iot.system`.
 */
const VERDICTS: readonly (readonly [code: RegExp, verdict: CodeVerdict])[] = [
  [/^Throttling|^iot\.common\.TooManyRequest/i, THROTTLED],
  [/^(ServiceUnavailable|InternalError|iot\.system\.SystemException)/i, UNAVAILABLE],
  // A repeat carries a new nonce. The fate of the request that used this one is unknown.
  [/^SignatureNonceUsed/i, UNAVAILABLE],

  [/^InvalidTimeStamp\.Expired/i, internal("clock")],
  // A key can be disabled while a call signed with it is under way, when the new key is already
  // available. And if key files are replaced one after the other, a new id can be read together
  // with the old secret.
  [/^((Invalid|Missing)SecurityToken|InvalidAccessKeyId|SignatureDoesNotMatch)/i, internal("credentials")],
  [/^(IncompleteSignature|(Invalid|Missing)Signature)/i, internal("none")],
  [/^(Invalid|Missing)(AccessKey|TimeStamp|Action|Version|Format$|Api\.|Product\.|Protocol)/i, internal("none")],
  [/^Unsupported(HTTPMethod|Operation)/i, internal("none")],
  // The gateway sizes the calls, so a call that is too large is its fault; and the account is its
  // own.
  [/^iot\.(device\.TooManyDeviceNamesPerRequest|system\.UidNotFound)$/i, internal("none")],

  [/^(Forbidden|NoPermission)|PermissionDeny|\.OperationForbidden$|\.NotFirmwareOwner$/i, rejected("forbidden")],

  // Only codes that blame a device of the list: on these, a full call is halved to find that
  // device.
  [/^iot\.(device\.NotExistedDevice|ota\.DeviceNotExist)$/i, deviceFault("not-found")],
  [/^iot\.device\.InvalidFormattedDeviceName(InNameArray)?$/i, deviceFault("invalid")],

  // These are named invalid, but their texts say that the thing does not exist.
  [/^iot\.ota\.(InvalidJobId|InvalidFirmwareUid|InvalidTaskId)$/i, rejected("not-found")],
  [/NotExist|NotFound/i, rejected("not-found")],
  [/Mismatch$|^iot\.ota\.(Job|Firmware|Unmatched)/i, rejected("precondition")],
  [/(^|\.)(Missing|Invalid|Illegal|Incorrect|Null|None|Empty)/i, rejected("invalid")],
];

/**
 * Those that say what is wrong, and that it is no device: the package, batch, product, instance,
 * permission or key.
 */
const REQUEST_WIDE = [
  /^(Forbidden|NoPermission|InvalidAccessKeyId)|PermissionDeny|\.(OperationForbidden|NotFirmwareOwner)$/i,
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
export function verdictOn(code: string, status: number, asksToWait: boolean): CodeVerdict {
  const known = knownVerdict(code);
  if (known) return known;
  if (status === 429 || asksToWait) return THROTTLED;
  if (status >= 500) return UNAVAILABLE;
  return rejected(status === 401 || status === 403 ? "forbidden" : "precondition");
}

/** The table's verdict on a code; undefined if no row matches. */
export function knownVerdict(code: string): CodeVerdict | undefined {
  return VERDICTS.find(([pattern]) => pattern.test(code))?.[1];
}
