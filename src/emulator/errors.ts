// The two ways in which the upstream refuses. The POP gateway in front refuses what is wrong with the
// call itself (a 4xx or 5xx with `Message`); the IoT service behind it refuses what the call asks for
// (HTTP 200 with `Success: false` and `ErrorMessage`). Both are thrown, and become answers in account.ts.

/** A refusal by the POP gateway. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: string;
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, status: number, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A refusal by the IoT service. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 200) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function gatewayError(code: GatewayCode, retryAfterMs?: number): GatewayError {
  const [status, message] = GATEWAY_REFUSALS[code];
  return new GatewayError(code, status, message, retryAfterMs);
}

export function serviceError(code: ServiceCode): ServiceError {
  return new ServiceError(code, SERVICE_REFUSALS[code]);
}

/** The refusal of a call that lacks a mandatory parameter. */
export function missingParameter(name: string): GatewayError {
  return new GatewayError(`Missing${name}`, 400, `${name} is mandatory for this action.`);
}

export type GatewayCode = keyof typeof GATEWAY_REFUSALS;
export type ServiceCode = keyof typeof SERVICE_REFUSALS;

/** Codes and statuses as documented; the words of some are not, and clients must not match on them. */
const GATEWAY_REFUSALS = {
  "Throttling.User": [400, "Request was denied due to user flow control."],
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
} as const satisfies Record<string, readonly [status: number, message: string]>;

const SERVICE_REFUSALS = {
  "iot.prod.NotExistedProduct": "The specified product does not exist.",
  "iot.device.NotExistedDevice": "The device does not exist.",
  "iot.device.TooManyDeviceNamesPerRequest": "The devices you query exceed the maximum number.",
  "iot.device.InvalidFormattedDeviceNameInNameArray": "The deviceName list contains an invalid device name.",
  "iot.ota.FirmwareNotFound": "The specified firmware does not exist.",
  "iot.ota.InvalidJobId": "The job is not existed.",
} as const satisfies Record<string, string>;
