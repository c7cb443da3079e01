// What requests are signed with, and its mending when the upstream did not accept it. Says that it mended
// only if the next request will differ from the refused one: else the same refusal would cost a token again.
import type { Clock } from "../base/clock.js";
import type { Cure } from "./codes.js";
import type { Credentials, CredentialsSource } from "./credentials-source.js";

/** What one request was signed with. */
export interface Standing {
  readonly credentials: Credentials;
  /** The upstream's clock minus ours. */
  readonly offsetMs: number;
}

/** The gateway's standing with the upstream. */
export interface Mender {
  /** What to sign the next request with. */
  standing(): Promise<Standing>;
  /** Tries a cure on what a request was `refused` with. `date` is the answer's `Date` header. */
  mend(cure: Cure, refused: Standing, date: string): Promise<boolean>;
}

/** Time stamps are good for minutes, so an offset below this is not why one was refused. */
const LEAST_OFFSET_MS = 60_000;

/** A mender that starts by trusting the machine's clock. */
export function createMender(source: CredentialsSource, clock: Clock): Mender {
  let offsetMs = 0;

  const learnOffset = (refused: Standing, date: string): boolean => {
    const learnedMs = Date.parse(date) - clock.wallNow();
    // The comparison with what *this* request used: another one's refusal may have taught us meanwhile.
    if (!(Math.abs(learnedMs - refused.offsetMs) >= LEAST_OFFSET_MS)) return false;
    offsetMs = learnedMs;
    return true;
  };

  const renewCredentials = async ({ credentials: refused }: Standing): Promise<boolean> => {
    if (differ(refused, await source.get())) return true;
    return differ(refused, await source.refresh());
  };

  return {
    standing: async () => ({ credentials: await source.get(), offsetMs }),
    async mend(cure, refused, date) {
      if (cure === "clock") return learnOffset(refused, date);
      return cure === "credentials" && (await renewCredentials(refused));
    },
  };
}

function differ(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId !== b.accessKeyId || a.accessKeySecret !== b.accessKeySecret || a.securityToken !== b.securityToken
  );
}
