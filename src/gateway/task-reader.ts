// The seam to the upstream's lists of tasks: one call out, the tasks of some devices back. What a list means for a
// device is judged behind the other seam, verifier.ts; here stands only what the upstream said.
import type { Scope } from "./command.js";
import type { CallEnd, Room } from "./upstream.js";

/** A task as the upstream lists it. What it did not say is empty. */
export interface ListedTask {
  readonly deviceName: string;
  readonly productKey: string;
  readonly firmwareId: string;
  /** Such as `QUEUED`; passed on as it came. */
  readonly state: string;
  /** When it was created, as the upstream writes times: later ones sort after earlier ones. */
  readonly created: string;
}

/** The tasks of one answer. */
export interface TaskList {
  readonly tasks: readonly ListedTask[];
  /** Nothing was left for another page: who is not in it has no task. */
  readonly whole: boolean;
}

/** How a reading call ended: as any other call, and with the list if it succeeded. */
export type ReadEnd =
  /** Success under a RequestId. `list` is absent if what came with it cannot be understood. */
  | { readonly kind: "accepted"; readonly requestId: string; readonly list: TaskList | undefined }
  | Exclude<CallEnd, { kind: "accepted" }>;

/** One of the upstream's operations that list tasks. */
export interface TaskReader {
  /** How much fits into one call. */
  readonly room: Room;
  /** Sends one call for 1 to `room.devices` distinct names. Always resolves, and cannot be aborted: see limiter.ts. */
  read(scope: Scope, deviceNames: readonly string[]): Promise<ReadEnd>;
}
