// One request's devices, each waiting to be told what tasks it has. Each is told once, and nothing once the request
// has left.
import type { Span } from "@opentelemetry/api";
import type { Scope } from "../gateway/command.js";
import type { Failure } from "../gateway/errors.js";
import type { ListedTask } from "../gateway/task-reader.js";

/** What reading a device back came to. */
export type Told =
  | { readonly kind: "read"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "unread"; readonly failure: Failure };

/** Whose devices they are. */
export interface ReadOrigin {
  readonly scope: Scope;
  readonly caller: string;
  readonly span: Span | undefined;
  readonly arrivedMs: number;
}

export class ReadRequest {
  readonly origin: ReadOrigin;
  /** Those that wait for a call; the queue takes them out, and puts them back. */
  readonly waiting: Set<string>;
  /** Resolves when every device has been told, or when it has left. */
  readonly over: Promise<void>;
  readonly #untold: Set<string>;
  readonly #tell: (deviceName: string, told: Told) => void;
  #end: () => void = () => {};

  constructor(origin: ReadOrigin, deviceNames: readonly string[], tell: (deviceName: string, told: Told) => void) {
    this.origin = origin;
    this.waiting = new Set(deviceNames);
    this.#untold = new Set(deviceNames);
    this.#tell = tell;
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  tell(deviceName: string, told: Told): void {
    if (!this.#untold.delete(deviceName)) return;
    this.#tell(deviceName, told);
    if (this.#untold.size === 0) this.#end();
  }

  leave(): void {
    this.#untold.clear();
    this.#end();
  }

  /** Whether it wants to be told of this device. */
  awaits(deviceName: string): boolean {
    return this.#untold.has(deviceName);
  }
}
