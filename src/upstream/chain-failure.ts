// Says why the vendor's chain found no keys. Its providers put whole answers and files, secrets
// included, into their errors: nothing of those is repeated. A failure that is known by its
// constant words is described in words of our own, with its numbers and codes.
import { DeadlineExceeded } from "../base/deadline.js";
import { NoCredentials } from "./credentials-source.js";

const ADVICE =
  "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (and ALIBABA_CLOUD_SECURITY_TOKEN if they are " +
  "temporary), or give the machine a RAM role, a profile in ~/.aliyun/config.json or ~/.alibabacloud/credentials, or " +
  "an ALIBABA_CLOUD_CREDENTIALS_URI.";

/** The words of @alicloud/credentials 2.4.7. A group is an HTTP status, or a code of the system. */
const KNOWN: readonly (readonly [said: RegExp, cause: string])[] = [
  [/parse aliyun cli config from '/, "~/.aliyun/config.json is not JSON"],
  [/no any configured profiles in '/, "~/.aliyun/config.json has no profiles"],
  [
    /unable to get profile with '/,
    "~/.aliyun/config.json has no profile of the name in ALIBABA_CLOUD_PROFILE or `current`",
  ],
  [/unsupported profile mode '/, "the profile in ~/.aliyun/config.json has a mode that is not supported"],
  [/Can not find credential type for "/, "the profile in ~/.alibabacloud/credentials has no type"],
  [
    /Invalid type option, support:/,
    "the type in ~/.alibabacloud/credentials must be access_key, ecs_ram_role or ram_role_arn",
  ],
  [/the access key id is empty/, "a profile has no access key id"],
  [/the access key secret is empty/, "a profile has no access key secret"],
  [/\b(EACCES|EPERM|EISDIR): /, "a file with keys cannot be read ($1)"],
  [/get role name failed: GET \S+ (\d{3})\b/, "the metadata service knows no RAM role of this machine (HTTP $1)"],
  [/get metadata token failed with (\d{3})\b/, "the metadata service gave no token (HTTP $1)"],
  [/get sts token failed, httpStatus: (\d{3})\b/, "the service of temporary keys answered HTTP $1"],
  [/Failed to establish tunnel to \S+ via \S+ HTTP\/1\.\d (\d{3})\b/, "the proxy refused a tunnel (HTTP $1)"],
  [
    /get sts token failed, json parse failed|error retrieving credentials from credentialsURI/,
    "the service of temporary keys answered without keys",
  ],
  [/get sts token failed with OIDC/, "the role in ALIBABA_CLOUD_ROLE_ARN was not given"],
  [/refresh session token failed: |refresh RoleArn sts token err/, "the role of the profile could not be assumed"],
  [/the access key secret is invalid/, "the access key secret of the profile is not valid"],
];

/** A code as the vendor's services give it, like `NoPermission`. */
const CODE = /"Code" ?: ?"([A-Z][A-Za-z]{1,40}(?:\.[A-Z][A-Za-z]{1,40}){0,2})"/;

/** The error for a chain that failed with `error`. */
export function noneFound(error: unknown): NoCredentials {
  const causes = causesOf(error);
  const because = causes.length > 0 ? ` The vendor's chain of providers failed: ${causes.join("; ")}.` : "";
  return new NoCredentials(`No Alibaba Cloud credentials were found.${because} ${ADVICE}`);
}

function causesOf(error: unknown): readonly string[] {
  if (error instanceof DeadlineExceeded) return ["it did not answer in time"];
  const said = error instanceof Error ? error.message : "";
  const causes = KNOWN.flatMap(([pattern, cause]) => {
    const found = pattern.exec(said);
    return found ? [cause.replace("$1", found[1] ?? "")] : [];
  });
  const code = CODE.exec(said)?.[1];
  return code ? [...causes, `code ${code}`] : causes;
}
