// The upstream's task lists under the hand clock. A list shows the content of `tasks` at the moment
// of its answer. Every call is recorded.
import type { Clock } from "../../src/base/clock.js";
import type { Scope } from "../../src/gateway/command.js";
import type { Room } from "../../src/gateway/upstream.js";
import type { ListedTask, ReadEnd, TaskReader } from "../../src/verification/task-reader.js";
import { SCOPE } from "./fake-command.js";
import { ROOM } from "./fake-upstream.js";

/** A call as the upstream saw it. */
export interface SeenRead {
  readonly scope: Scope;
  readonly deviceNames: readonly string[];
  readonly sentMs: number;
  endedMs?: number;
  /** The answer. */
  end?: ReadEnd;
}

/** How one call is answered, if not with the list, and after how long. */
export interface ReadReply {
  readonly end?: ReadEnd;
  readonly delayMs?: number;
}

export class FakeTaskReader implements TaskReader {
  readonly room: Room;
  readonly calls: SeenRead[] = [];
  /** Tasks by device. */
  readonly tasks = new Map<string, ListedTask[]>();
  reply: (names: readonly string[], nth: number) => ReadReply = () => ({});
  readonly #clock: Clock;

  constructor(clock: Clock, devicesPerCall = 50) {
    this.#clock = clock;
    this.room = { ...ROOM, devices: devicesPerCall };
  }

  read(scope: Scope, deviceNames: readonly string[]): Promise<ReadEnd> {
    const seen: SeenRead = { scope, deviceNames, sentMs: this.#clock.now() };
    const { end, delayMs = 20 } = this.reply(deviceNames, this.calls.push(seen) - 1);
    return new Promise((resolve) => {
      this.#clock.at(this.#clock.now() + delayMs, () => {
        seen.endedMs = this.#clock.now();
        seen.end = end ?? this.#list(deviceNames);
        resolve(seen.end);
      });
    });
  }

  /** Gives the device one task, in this state. */
  set(deviceName: string, state: string): void {
    this.tasks.set(deviceName, [aTask({ deviceName, state })]);
  }

  #list(names: readonly string[]): ReadEnd {
    const tasks = names.flatMap((name) => this.tasks.get(name) ?? []);
    return { kind: "accepted", requestId: "read", list: { tasks, whole: true } };
  }
}

export function aTask(task: Partial<ListedTask> = {}): ListedTask {
  const { productKey, firmwareId } = SCOPE;
  return { deviceName: "dev-0", productKey, firmwareId, state: "CANCELED", created: "", ...task };
}
