// Holds what requests are signed with, and recovers when the upstream refuses it. It reports a
// recovery only if the next request will differ from the refused one; otherwise the same refusal
// would cost another token.
import type { Clock } from "../base/clock.js";
import type { Recovery } from "./codes.js";
import type { Credentials, CredentialsSource } from "./credentials-source.js";

/** The credentials and clock offset that one request was signed with. */
export interface SignedWith {
  readonly credentials: Credentials;
  /** The upstream's clock minus ours. */
  readonly offsetMs: number;
}

/** Credentials and the upstream's clock. */
export interface SigningContext {
  /** Returns the credentials and offset to sign the next request with. */
  signedWith(): Promise<SignedWith>;
  /**
   * Tries to recover after a request signed with `refused` failed. `date` is the answer's `Date`
   * header.
   */
  recover(recovery: Recovery, refused: SignedWith, date: string): Promise<boolean>;
}

/** Time stamps are valid for minutes, so a smaller offset is not why one was refused. */
const LEAST_OFFSET_MS = 60_000;

/** Creates a signing context that starts by trusting the machine's clock. */
export function createSigningContext(source: CredentialsSource, clock: Clock): SigningContext {
  let offsetMs = 0;

  const learnOffset = (refused: SignedWith, date: string): boolean => {
    const learnedMs = Date.parse(date) - clock.wallNow();
    // Compares with what *this* request used: the refusal of another one may have corrected the
    // offset since.
    if (!(Math.abs(learnedMs - refused.offsetMs) >= LEAST_OFFSET_MS)) return false;
    offsetMs = learnedMs;
    return true;
  };

  const renewCredentials = async ({ credentials: refused }: SignedWith): Promise<boolean> => {
    if (differ(refused, await source.get())) return true;
    return differ(refused, await source.refresh());
  };

  return {
    signedWith: async () => ({ credentials: await source.get(), offsetMs }),
    async recover(recovery, refused, date) {
      if (recovery === "clock") return learnOffset(refused, date);
      return recovery === "credentials" && (await renewCredentials(refused));
    },
  };
}

function differ(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId !== b.accessKeyId || a.accessKeySecret !== b.accessKeySecret || a.securityToken !== b.securityToken
  );
}
