// What a service has in hand that cancels on its own: one device at a time, by the vendor's SDK and a limiter from npm.

export interface Peer {
  /** Resolves when the upstream has said Success for a call with this device. */
  cancel(deviceName: string): Promise<void>;
  /** Lets go of what would outlive it. */
  close?(): Promise<void>;
}

/** What a peer is built from. */
export interface Surroundings {
  /** One signed call of the official SDK. Rejects unless the upstream says Success. */
  readonly cancelTasks: (deviceNames: string[]) => Promise<void>;
  /** Where a Redis listens; empty without one. */
  readonly redisUrl: string;
  /** Whether other processes use the same account: then the limiter is shared through Redis, if it can be. */
  readonly isShared: boolean;
}

export type CreatePeer = (surroundings: Surroundings) => Peer;

/** The quota that limiters are set to, as the vendor documents it. */
export const CALLS_PER_SECOND = 10;
export const DEVICES_PER_CALL = 200;
