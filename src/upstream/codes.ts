// What each upstream code calls for: one table, first match wins. Nothing is registered for
// CancelOTATaskByDevice itself, so the rows come from its siblings and from the gateway in front of all
// products, and a code that no row knows is classified by its HTTP status and passed on untouched.
import type { Reaction, Rejection } from "../gateway/upstream.js";

/** What may cure a fault of the gateway's own: the clock's offset, or newer keys. */
export type Recovery = "clock" | "credentials" | "none";

/** A reaction before it is known whether the gateway could recover. */
export type CodeVerdict =
  | Exclude<Reaction, { kind: "internal" }>
  | { readonly kind: "internal"; readonly recovery: Recovery };

const THROTTLED: CodeVerdict = { kind: "throttled" };
const UNAVAILABLE: CodeVerdict = { kind: "unavailable" };
const internal = (recovery: Recovery): CodeVerdict => ({ kind: "internal", recovery });
const rejected = (rejection: Rejection): CodeVerdict => ({ kind: "rejected", rejection, deviceFault: false });
const deviceFault = (rejection: Rejection): CodeVerdict => ({ kind: "rejected", rejection, deviceFault: true });

/** Letter case is ignored: the registry itself has `InvalidFormattedProductkey` and `Iot.system`. */
const VERDICTS: readonly (readonly [code: RegExp, verdict: CodeVerdict])[] = [
  [/^Throttling|^iot\.common\.TooManyRequest/i, THROTTLED],
  [/^(ServiceUnavailable|InternalError|iot\.system\.SystemException)/i, UNAVAILABLE],
  // A repeat carries a new nonce. What became of the request that used this one is not known.
  [/^SignatureNonceUsed/i, UNAVAILABLE],

  [/^InvalidTimeStamp\.Expired/i, internal("clock")],
  // A key can be disabled while a call that was signed with it is under way, and the new one be at hand already. And
  // who replaces its files one after the other lets a new id be read beside the old secret.
  [/^((Invalid|Missing)SecurityToken|InvalidAccessKeyId|SignatureDoesNotMatch)/i, internal("credentials")],
  [/^(IncompleteSignature|(Invalid|Missing)Signature)/i, internal("none")],
  [/^(Invalid|Missing)(AccessKey|TimeStamp|Action|Version|Format$|Api\.|Product\.|Protocol)/i, internal("none")],
  [/^Unsupported(HTTPMethod|Operation)/i, internal("none")],
  // The gateway fills the call, so a call too large is its own fault; and the account is the gateway's.
  [/^iot\.(device\.TooManyDeviceNamesPerRequest|system\.UidNotFound)$/i, internal("none")],

  [/^(Forbidden|NoPermission)|PermissionDeny|\.OperationForbidden$|\.NotFirmwareOwner$/i, rejected("forbidden")],

  // Only codes that say a device of the list is at fault: on these a full call is halved to find it.
  [/^iot\.(device\.NotExistedDevice|ota\.DeviceNotExist)$/i, deviceFault("not-found")],
  [/^iot\.device\.InvalidFormattedDeviceName(InNameArray)?$/i, deviceFault("invalid")],

  // Named invalid, but their texts say: does not exist.
  [/^iot\.ota\.(InvalidJobId|InvalidFirmwareUid|InvalidTaskId)$/i, rejected("not-found")],
  [/NotExist|NotFound/i, rejected("not-found")],
  [/Mismatch$|^iot\.ota\.(Job|Firmware|Unmatched)/i, rejected("precondition")],
  [/(^|\.)(Missing|Invalid|Illegal|Incorrect|Null|None|Empty)/i, rejected("invalid")],
];

/** Those that say what is wrong, and that it is no device: the package, batch, product, instance, permission or key. */
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
 * What a code calls for; an unknown or empty one goes by the HTTP status, and by whether the answer asks to
 * wait: the vendor's own clients take any refusal that does for a throttle.
 */
export function verdictOn(code: string, status: number, asksToWait: boolean): CodeVerdict {
  const known = knownVerdict(code);
  if (known) return known;
  if (status === 429 || asksToWait) return THROTTLED;
  if (status >= 500) return UNAVAILABLE;
  return rejected(status === 401 || status === 403 ? "forbidden" : "precondition");
}

/** What a row of the table says of the code; undefined if none knows it. */
export function knownVerdict(code: string): CodeVerdict | undefined {
  return VERDICTS.find(([pattern]) => pattern.test(code))?.[1];
}
