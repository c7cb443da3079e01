// The seam to the upstream's operations that read devices: one call out, the names that exist back.
// Nothing else that such an answer holds comes through it, for it holds the devices' secrets.
import type { Scope } from "./command.js";
import type { CallEnd, Room } from "./upstream.js";

/** How a reading call ended. */
export type DeviceReadEnd =
  /**
   * `found`: the asked devices that exist; undefined if what came with the success cannot be
   * understood.
   */
  | (Extract<CallEnd, { kind: "accepted" }> & { readonly found: ReadonlySet<string> | undefined })
  | Exclude<CallEnd, { kind: "accepted" }>;

/** One of the upstream's operations that read devices. */
export interface DeviceReader {
  /** How much fits into one call. */
  readonly room: Room;
  /**
   * Sends one call for 1 to `room.devices` distinct names. Always resolves, within the upstream's
   * timeout from `sentMs`, when its token was used, and cannot be aborted: see limiter.ts.
   */
  read(scope: Scope, deviceNames: readonly string[], sentMs: number): Promise<DeviceReadEnd>;
}
