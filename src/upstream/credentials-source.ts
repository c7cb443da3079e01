// The seam between the code that signs requests and the places where keys come from.
import { SECRET, wrongWith } from "../base/text-rules.js";

/** A key pair, with a token if the keys are temporary. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
}

/** A source of credentials. Both methods reject with `NoCredentials` only. */
export interface CredentialsSource {
  /** Returns the credentials to use now. Cheap once they are known. */
  get(): Promise<Credentials>;
  /** Fetches them again, because the upstream refused the current ones. */
  refresh(): Promise<Credentials>;
}

/** There are no credentials. The message names what to set, and holds nothing secret. */
export class NoCredentials extends Error {
  override readonly name = "NoCredentials";
}

/** Throws NoCredentials if a key cannot be one. `place`: the variable or file that holds it. */
export function checkKey(key: string, place: string): void {
  const wrong = wrongWith(key, SECRET);
  if (wrong) throw new NoCredentials(`${place} ${wrong}; copy the key again.`);
}
