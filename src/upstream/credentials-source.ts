// The seam between those who need keys and where keys come from.

/** A key pair, with a token if it is a temporary one. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly securityToken?: string;
}

/** Where credentials come from. Both reject with `NoCredentials` only. */
export interface CredentialsSource {
  /** The credentials to use now. Cheap when they are known. */
  get(): Promise<Credentials>;
  /** Fetches them again, for the upstream did not accept the ones we have. */
  refresh(): Promise<Credentials>;
}

/** There are no credentials. The message names what to set, and nothing else. */
export class NoCredentials extends Error {
  override readonly name = "NoCredentials";
}
