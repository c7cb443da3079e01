// A peer: what a service uses that cancels without the gateway, one device at a time, with the
// vendor's SDK and a limiter from npm.

export interface Peer {
  /** Resolves when the upstream has answered Success to a call with this device. */
  cancel(deviceName: string): Promise<void>;
  /** Releases what would outlive it. */
  close?(): Promise<void>;
}

/** The environment that a peer is built in. */
export interface Surroundings {
  /** One signed call of the official SDK. Rejects unless the upstream answers Success. */
  readonly cancelTasks: (deviceNames: string[]) => Promise<void>;
  /** Address of a Redis; empty without one. */
  readonly redisUrl: string;
  /**
   * Whether other processes use the same account. Then the limiter is shared through Redis, if it
   * can be.
   */
  readonly isShared: boolean;
}

export type CreatePeer = (surroundings: Surroundings) => Peer;

/** The quota that the limiters are set to, as the vendor documents it. */
export const CALLS_PER_SECOND = 10;
export const DEVICES_PER_CALL = 200;
