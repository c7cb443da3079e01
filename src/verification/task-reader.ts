// The seam to the upstream's lists of tasks: one call out, the tasks of some devices back. It
// reports only what the upstream said; its meaning for a device is judged behind verifier.ts.
import type { Scope } from "../gateway/command.js";
import type { CallEnd, Room } from "../gateway/upstream.js";

/** A task as listed by the upstream. Missing fields are empty. */
export interface ListedTask {
  readonly deviceName: string;
  readonly productKey: string;
  readonly firmwareId: string;
  /** The upstream's state, unchanged, such as `QUEUED`. */
  readonly state: string;
  /** The creation time in the upstream's format: later times sort after earlier ones. */
  readonly created: string;
}

/** The tasks of one answer. */
export interface TaskList {
  readonly tasks: readonly ListedTask[];
  /** There is no further page: a device that is missing from the list has no task. */
  readonly whole: boolean;
}

/** How a reading call ended: like any other call, with the list if it succeeded. */
export type ReadEnd =
  /** Success under a RequestId. `list` is absent if the content cannot be parsed. */
  | (Extract<CallEnd, { kind: "accepted" }> & { readonly list: TaskList | undefined })
  | Exclude<CallEnd, { kind: "accepted" }>;

/** One of the upstream's operations that list tasks. */
export interface TaskReader {
  /** The capacity of one call. */
  readonly room: Room;
  /**
   * Sends one call for 1 to `room.devices` distinct names. Always resolves, within the upstream's
   * timeout from `sentMs`, when its token was used; cannot be aborted (see limiter.ts).
   */
  read(scope: Scope, deviceNames: readonly string[], sentMs: number): Promise<ReadEnd>;
}
