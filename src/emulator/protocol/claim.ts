// What a signed request claims: who it is from, when it was made, what it asks, and the signature that
// is to prove it. The two signature versions differ in where these stand, and in nothing else.

export interface Claim {
  readonly action: string;
  readonly version: string;
  readonly accessKeyId: string;
  /** Empty: none was sent. */
  readonly securityToken: string;
  readonly timestamp: string;
  readonly nonce: string;
  readonly signature: string;
  /** The signature that the holder of `accessKeySecret` would have made for what arrived. */
  expectedSignature(accessKeySecret: string): string;
}
