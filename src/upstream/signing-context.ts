// What requests are signed with, and how it recovers when the upstream did not accept it. Says that it
// recovered only if the next request will differ from the refused one: else the same refusal would cost a token again.
import type { Clock } from "../base/clock.js";
import type { Recovery } from "./codes.js";
import type { Credentials, CredentialsSource } from "./credentials-source.js";

/** What one request was signed with. */
export interface SignedWith {
  readonly credentials: Credentials;
  /** The upstream's clock minus ours. */
  readonly offsetMs: number;
}

/** Credentials and the upstream's clock. */
export interface SigningContext {
  /** What to sign the next request with. */
  signedWith(): Promise<SignedWith>;
  /** Tries to recover from what a request was `refused` with. `date` is the answer's `Date` header. */
  recover(recovery: Recovery, refused: SignedWith, date: string): Promise<boolean>;
}

/** Time stamps are good for minutes, so an offset below this is not why one was refused. */
const LEAST_OFFSET_MS = 60_000;

/** Starts by trusting the machine's clock. */
export function createSigningContext(source: CredentialsSource, clock: Clock): SigningContext {
  let offsetMs = 0;

  const learnOffset = (refused: SignedWith, date: string): boolean => {
    const learnedMs = Date.parse(date) - clock.wallNow();
    // The comparison with what *this* request used: another one's refusal may have taught us meanwhile.
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
