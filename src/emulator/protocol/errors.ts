// The two ways in which the upstream refuses. The POP gateway in front refuses what is wrong with
// the call itself (a 4xx or 5xx with `Message`). The IoT service behind it refuses what the call
// asks for (HTTP 200 with `Success: false` and `ErrorMessage`). Both are thrown, and account.ts
// turns them into answers.
import type { AnswerFields, Headers } from "./answer.js";

/** A refusal by the POP gateway. */
export class PopError extends Error {
  override readonly name = "PopError";
  readonly code: string;
  readonly status: number;
  readonly headers: Headers;

  constructor(code: string, status: number, message: string, headers: Headers = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.headers = headers;
  }
}

/** A refusal by the IoT service. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: string;
  /** Undefined: the status that is documented for the operation. */
  readonly status: number | undefined;
  /** Further fields of the answer. */
  readonly fields: AnswerFields;

  constructor(code: string, message: string, more: { readonly status?: number; readonly fields?: AnswerFields } = {}) {
    super(message);
    this.code = code;
    this.status = more.status;
    this.fields = more.fields ?? {};
  }
}

export function popError(code: GatewayCode, more: { status?: number; headers?: Headers } = {}): PopError {
  const [status, message] = GATEWAY_REFUSALS[code];
  return new PopError(code, more.status ?? status, message, more.headers);
}

export function serviceError(code: ServiceCode, fields: AnswerFields = {}): ServiceError {
  return new ServiceError(code, SERVICE_REFUSALS[code], { fields });
}

/** The refusal with this code; undefined if the emulator knows none. */
export function knownRefusal(code: string): PopError | ServiceError | undefined {
  if (Object.hasOwn(GATEWAY_REFUSALS, code)) return popError(code as GatewayCode);
  return Object.hasOwn(SERVICE_REFUSALS, code) ? serviceError(code as ServiceCode) : undefined;
}

/** The refusal of a call that lacks a mandatory parameter. */
export function missingParameter(name: string): PopError {
  return new PopError(`Missing${name}`, 400, `${name} is mandatory for this action.`);
}

export type GatewayCode = keyof typeof GATEWAY_REFUSALS;
export type ServiceCode = keyof typeof SERVICE_REFUSALS;

/** Codes and statuses are documented. Some messages are not; clients must not match on them. */
const GATEWAY_REFUSALS = {
  Throttling: [400, "Request was denied due to request throttling."],
  "Throttling.Api": [400, "Request was denied due to api flow control."],
  "Throttling.User": [400, "Request was denied due to user flow control."],
  ServiceUnavailable: [503, "The request has failed due to a temporary failure of the server."],
  "Forbidden.RAM": [403, "User not authorized to operate on the specified resource."],
  "InvalidAccessKeyId.Inactive": [400, "Specified access key is disabled."],
  "InvalidSecurityToken.Expired": [400, "Specified SecurityToken is expired."],
  InternalError: [500, "The request processing has failed due to some unknown error."],
  SignatureNonceUsed: [400, "Specified signature nonce was used already."],
  "InvalidTimeStamp.Expired": [400, "Specified time stamp or date value is expired."],
  "InvalidTimeStamp.Format": [400, "Specified time stamp or date value is not well formatted."],
  SignatureDoesNotMatch: [400, "Specified signature is not matched with our calculation."],
  IncompleteSignature: [400, "The request signature does not conform to the standards."],
  InvalidSignatureMethod: [400, "Specified signature method is not valid."],
  "InvalidAccessKeyId.NotFound": [404, "Specified access key is not found."],
  MissingSecurityToken: [400, "SecurityToken is mandatory for this action."],
  "InvalidSecurityToken.MismatchWithAccessKey": [400, "Specified SecurityToken mismatch with the AccessKey."],
  "InvalidApi.NotFound": [404, "Specified api is not found, please check your url and method."],
  UnsupportedHTTPMethod: [400, "This http method is not supported."],
  // Of older registries of the vendor's (ECS, KMS, PolarDB): refusals that clients must know too.
  "Rejected.Throttling": [429, "QPS Limit Exceeded"],
  ServiceUnavailableTemporary: [503, "Service Unavailable Temporary"],
  InternalFailure: [500, "Internal Failure"],
  SystemBusy: [400, "The system is busy, please try again later."],
  IllegalTimestamp: [
    400,
    'The input parameter "Timestamp" that is mandatory for processing this request is not supplied.',
  ],
  "Forbidden.AccessKeyDisabled": [403, "The Access Key is disabled."],
} as const satisfies Record<string, readonly [status: number, message: string]>;

/** Documented for this or a sibling operation, except those under "guesses". */
const SERVICE_REFUSALS = {
  "iot.system.SystemException": "A system exception occurred.",
  "iot.common.TooManyRequest": "Request frequency is too high.",
  "iot.system.InstanceNotFound": "The specified instance does not exist.",
  "iot.Sre.IotInstanceNotFound": "The specified instance does not exist.",
  "iot.common.InvalidPageParams": "The specified pagination size or pagination parameter is invalid.",
  "iot.prod.NotExistedProduct": "The specified product does not exist.",
  "iot.prod.NullProductKey": "The productKey is empty.",
  "iot.device.NotExistedDevice": "The device does not exist.",
  "iot.device.NullDeviceName": "The device name is empty.",
  "iot.device.InvalidFormattedDeviceName": "The device name format is incorrect.",
  "iot.device.TooManyDeviceNamesPerRequest": "The devices you query exceed the maximum number.",
  "iot.device.InvalidFormattedDeviceNameInNameArray": "The deviceName list contains an invalid device name.",
  "iot.ota.InstanceIdMisMatch": "The instanceId is invalid.",
  "iot.ota.FirmwareNotFound": "The specified firmware does not exist.",
  "iot.ota.FirmwareAndProductKeyMismatch": "The OTA update package is not consistent with the ProductKey.",
  "iot.ota.FirmwareNotVerified": "The firmware validation is not completed.",
  "iot.ota.InvalidJobId": "The job is not existed.",
  "iot.ota.JobCanceled": "The job has already been canceled.",
  "iot.ota.JobHasCanceled": "The job has canceled.",
  "iot.ota.noDynamicJob": "Task is not dynamic.",
  "iot.ota.UnmatchedJob": "The jobId and taskId do not match.",
  "iot.ota.InvalidTaskId": "The tasks are not existed.",
  "iot.ota.InvalidTaskExist": "The taskId list contains at least an invalid task.",
  "iot.ota.FailedTaskNotFound": "There are no failed tasks.",
  "iot.ota.taskNotExist": "Task is not existed.",
  "iot.ota.TooManyOtaTask": "There are too many tasks in parameters.",
  "iot.ota.DeviceNotReUpgraded": "There is no device can upgrade.",
  "iot.ota.DeviceNotExist": "The device does not exist.",
  "iot.ota.InvalidOtaModuleName": "the format of module name is invalid.",
  "iot.ota.EmptyDeviceInfoParams": "the device info in params is empty",
  "iot.firmware.AlreadyExistedFirmwareName": "The OTA update package already exists.",
  "iot.firmware.IncorrectFormattedFirmwareName": "The OTA update package name is not well formatted.",
  "iot.firmware.InvalidTaskStatus": "Invalid TaskStatus.",
  // Guesses: nothing documented fits.
  "iot.device.AlreadyExistedDeviceName": "The device name already exists.",
  "iot.system.IllegalRequest": "The request is illegal.",
} as const satisfies Record<string, string>;
