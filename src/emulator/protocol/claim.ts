// The claim of a signed request: its sender, its time, its operation, and the signature that proves
// them. The two signature versions differ only in where these are found.

export interface Claim {
  readonly action: string;
  readonly version: string;
  readonly accessKeyId: string;
  /** Empty if none was sent. */
  readonly securityToken: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
  /** The signature that the holder of `accessKeySecret` would have made for what arrived. */
  expectedSignature(accessKeySecret: string): string;
}
