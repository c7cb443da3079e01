import { describe, expect, it } from "vitest";
import { DeadlineExceeded } from "../../../src/base/deadline.js";
import { noneFound } from "../../../src/upstream/chain-failure.js";

const CHAIN = "unable to get credentials from any of the providers in the chain: ";

/** What is said of the cause. */
function causes(said: string): string | undefined {
  return /providers failed: (.*)\. Set ALIBABA/.exec(noneFound(new Error(said)).message)?.[1];
}

describe("noneFound", () => {
  // As @alicloud/credentials 2.4.7 says it.
  it.each([
    [
      'parse aliyun cli config from \'/root/.aliyun/config.json\' failed: {"sk": "leaked"',
      "~/.aliyun/config.json is not JSON",
    ],
    ["no any configured profiles in '/root/leaked'", "~/.aliyun/config.json has no profiles"],
    [
      "unable to get profile with 'leaked'",
      "~/.aliyun/config.json has no profile of the name in ALIBABA_CLOUD_PROFILE or `current`",
    ],
    ["EACCES: permission denied, access '/root/leaked'", "a file with keys cannot be read (EACCES)"],
    [
      "get role name failed: GET http://100.100.100.200/latest/meta-data/ram/security-credentials/ 404",
      "the metadata service knows no RAM role of this machine (HTTP 404)",
    ],
    ["get sts token failed, httpStatus: 500, message = leaked.", "the service of temporary keys answered HTTP 500"],
    [
      'error retrieving credentials from credentialsURI result: {"AccessKeySecret":"leaked"}.',
      "the service of temporary keys answered without keys",
    ],
    [
      'refresh session token failed: {"RequestId":"leaked","Code":"NoPermission","AccessKeyId":"leaked"}',
      "the role of the profile could not be assumed; code NoPermission",
    ],
    [
      'get sts token failed with OIDC: {"Code":"AuthenticationFail.OIDCToken.Expired","Message":"leaked"}',
      "the role in ALIBABA_CLOUD_ROLE_ARN was not given; code AuthenticationFail.OIDCToken.Expired",
    ],
    [
      "Failed to establish tunnel to sts.aliyuncs.com:443 via http://10.0.0.1:3128/: HTTP/1.1 407 leaked",
      "the proxy refused a tunnel (HTTP 407)",
    ],
    ["IMDS credentials is disabled, something leaked", undefined],
    ['"Code":"leaked0123456789"', undefined],
  ])("says why, and nothing of what was said: %s", (said, cause) => {
    expect(causes(CHAIN + said)).toBe(cause);
    expect(noneFound(new Error(CHAIN + said)).message).not.toContain("leaked");
  });

  it("says the causes of all providers that it knows", () => {
    const said = `${CHAIN}no any configured profiles in 'x', Can not find credential type for "default"`;
    expect(causes(said)).toBe(
      "~/.aliyun/config.json has no profiles; the profile in ~/.alibabacloud/credentials has no type",
    );
  });

  it("says that the chain did not answer", () => {
    expect(noneFound(new DeadlineExceeded("It took too long.")).message).toContain("it did not answer in time");
  });
});
