import { describe, expect, it } from "vitest";
import { isRequestWide, meaningOf } from "../../../src/upstream/codes.js";
import registry from "../../golden/iot-2018-01-20.json" with { type: "json" };

const rejected = (rejection: string, deviceFault = false) => ({ kind: "rejected", rejection, deviceFault });
const internal = (recovery: string) => ({ kind: "internal", recovery });

describe("meaningOf", () => {
  it.each([
    [
      { kind: "throttled" },
      "Throttling Throttling.User Throttling.Api Throttling.User.Flow Throttling.Resource iot.common.TooManyRequest Rejected.Throttling FlowControl QpsLimitExceeded TooManyRequests",
    ],
    [
      { kind: "unavailable" },
      "ServiceUnavailable ServiceUnavailableTemporary ServiceUnavailable.Retry InternalError InternalServerError InternalFailure UnknownError SystemBusy ServerBusy ServiceBusy OperationBusy iot.ota.ServiceBusy RequestTimeout iot.system.SystemException iot.system.NeverSeenBefore iot.Sre.NeverSeenBefore SignatureNonceUsed",
    ],
    [
      internal("clock"),
      "InvalidTimeStamp.Expired InvalidTimeStamp.Format InvalidTimestamp.Expired InvalidTimeStamp IllegalTimestamp IllegalTimeStamp.Expired MissingTimestamp TimestampExpired SignatureExpired Signature.TimestampExpired RequestExpired RequestTimeTooSkewed InvalidDate",
    ],
    [
      internal("credentials"),
      "InvalidSecurityToken.Expired InvalidSecurityToken.Malformed InvalidSecurityToken.MismatchWithAccessKey MissingSecurityToken SecurityToken.Expired InvalidAccessKeyId InvalidAccessKeyId.NotFound InvalidAccessKeyId.Inactive InvalidAccessKeySecret Forbidden.AccessKey Forbidden.AccessKeyDisabled NoEnabledAccessKey SignatureDoesNotMatch IncompleteSignature",
    ],
    [
      internal("none"),
      "InvalidSignatureMethod InvalidSignature MissingSignatureNonce InvalidApi.NotFound InvalidAction.NotFound InvalidProduct.NotFound InvalidProtocol.NeedSsl UnsupportedHTTPMethod MissingAccessKeyId iot.device.TooManyDeviceNamesPerRequest iot.system.UidNotFound",
    ],
    [
      rejected("forbidden"),
      "Forbidden Forbidden.RAM Forbidden.RiskControl NoPermission iot.common.RamActionPermissionDeny iot.common.AuthActionPermissionDeny iot.ota.OperationForbidden iot.ota.NotFirmwareOwner",
    ],
    [rejected("not-found", true), "iot.device.NotExistedDevice iot.ota.DeviceNotExist"],
    [
      rejected("invalid", true),
      "iot.device.InvalidFormattedDeviceNameInNameArray iot.device.InvalidFormattedDeviceName",
    ],
    [
      rejected("not-found"),
      "iot.prod.NotExistedProduct iot.ota.FirmwareNotFound iot.ota.InvalidJobId iot.ota.InvalidFirmwareUid iot.system.InstanceNotFound iot.Sre.IotInstanceNotFound iot.ota.taskNotExist",
    ],
    [
      rejected("invalid"),
      "MissingFirmwareId MissingParameter InvalidParameter InvalidParameter.Format iot.prod.NullProductKey iot.prod.InvalidFormattedProductkey iot.common.InvalidFormattedParameter iot.device.NoneDeviceNameElement iot.system.IllegalRequest InvalidTimeout",
    ],
    [
      rejected("precondition"),
      "iot.ota.FirmwareAndProductKeyMismatch iot.ota.InstanceIdMisMatch iot.ota.JobHasFinished iot.ota.JobHasCanceled iot.ota.JobCanceled iot.ota.FirmwareNotVerified iot.ota.UnmatchedJob Iot.system.BillIsOverDue iot.system.InstanceIdSame iot.common.APINotSupportedInInstance iot.never.SeenBefore",
    ],
  ])("gives %j for its codes", (meaning, codes) => {
    for (const code of codes.split(" ")) expect({ code, ...meaningOf(code, 400, false) }).toEqual({ code, ...meaning });
  });

  it("goes by the code before the status: the same codes come with 200 and with 400", () => {
    expect(meaningOf("iot.device.NotExistedDevice", 200, false)).toEqual(rejected("not-found", true));
    expect(meaningOf("iot.device.NotExistedDevice", 503, false)).toEqual(rejected("not-found", true));
    expect(meaningOf("Throttling.User", 200, false)).toEqual({ kind: "throttled" });
  });

  it.each([
    [200, rejected("precondition")],
    [400, rejected("precondition")],
    [403, rejected("forbidden")],
    [429, { kind: "throttled" }],
    [500, { kind: "unavailable" }],
    [503, { kind: "unavailable" }],
  ])("goes by the status %i if the code is unknown or missing", (status, meaning) => {
    expect(meaningOf("iot.never.SeenBefore", status, false)).toEqual(meaning);
    expect(meaningOf("", status, false)).toEqual(meaning);
  });

  it("takes an unknown refusal that asks to wait for a throttle, and a known one for what it is", () => {
    expect(meaningOf("iot.never.SeenBefore", 400, true)).toEqual({ kind: "throttled" });
    expect(meaningOf("iot.ota.InvalidJobId", 400, true)).toEqual(rejected("not-found"));
    expect(meaningOf("ServiceUnavailable", 503, true)).toEqual({ kind: "unavailable" });
  });

  // The texts are those of the public error codes of ECS and KMS.
  it.each([
    [
      "MissingParameter",
      'The input parameter "TimeStamp" that is mandatory for processing this request is not supplied',
      "clock",
    ],
    ["InvalidParam", "The Param Date is invalid.", "clock"],
    ["InvalidParameter", 'The specified parameter "SecurityToken.Expired" is not valid.', "credentials"],
    [
      "MissingParameter",
      'An input parameter "Signature" that is mandatory for processing the request is not supplied.',
      "none",
    ],
    ["InvalidParameter", 'The specified parameter "Action or Version" is not valid.', "none"],
  ])("takes %s for the gateway's own fault where the text names a parameter of its own: %s", (code, text, recovery) => {
    expect(meaningOf(code, 400, false, text)).toEqual(internal(recovery));
    expect(meaningOf(code, 400, false, 'The parameter "FirmwareId" is needed but not provided.')).toEqual(
      rejected("invalid"),
    );
    expect(meaningOf(code, 400, false)).toEqual(rejected("invalid"));
  });

  it("goes by the code where that names the parameter, whatever the text says", () => {
    expect(meaningOf("MissingFirmwareId", 400, false, 'parameter "TimeStamp"')).toEqual(rejected("invalid"));
  });

  it("blames a device for no registered code but those whose text says so", () => {
    const codes = Object.values(registry.apis).flatMap((api) =>
      Object.values(api.errorCodes ?? {})
        .flat()
        .map((each) => (each as { errorCode: string }).errorCode),
    );
    const blaming = codes.filter(blamesDevice);
    expect(new Set(blaming)).toEqual(
      new Set([
        "iot.device.NotExistedDevice",
        "iot.device.InvalidFormattedDeviceNameInNameArray",
        "iot.ota.DeviceNotExist",
      ]),
    );
  });
});

function blamesDevice(code: string): boolean {
  const meaning = meaningOf(code, 400, false);
  return meaning.kind === "rejected" && meaning.deviceFault;
}

describe("isRequestWide", () => {
  it("knows the codes that refuse a scope or the account, and takes no other for one", () => {
    const wide =
      "iot.ota.FirmwareNotFound iot.ota.InvalidJobId iot.prod.NotExistedProduct Forbidden.RAM InvalidAccessKeyId.Inactive " +
      "iot.common.RamActionPermissionDeny iot.system.InstanceNotFound iot.ota.FirmwareAndProductKeyMismatch " +
      "Forbidden.AccessKeyDisabled Iot.system.BillIsOverDue iot.common.APINotSupportedInInstance";
    const narrow = "iot.device.NotExistedDevice iot.ota.DeviceNotExist iot.ota.taskNotExist Throttling.User odd.Code";
    expect(wide.split(" ").filter((code) => !isRequestWide(code))).toEqual([]);
    expect(["", ...narrow.split(" ")].filter(isRequestWide)).toEqual([]);
  });
});
