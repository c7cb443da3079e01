// The devices of one request that wait to be read back. Each is reported at most once, and none
// after the request has left.
import type { Span } from "@opentelemetry/api";
import type { Scope } from "../gateway/command.js";
import type { Failure } from "../gateway/failures.js";
import type { ListedTask } from "./task-reader.js";

/** The result of reading one device back. */
export type Told =
  | { readonly kind: "read"; readonly tasks: readonly ListedTask[] }
  | { readonly kind: "unread"; readonly failure: Failure };

/** The request that the devices belong to. */
export interface ReadOrigin {
  readonly scope: Scope;
  readonly caller: string;
  readonly span: Span | undefined;
  readonly arrivedMs: number;
}

export class ReadRequest {
  readonly origin: ReadOrigin;
  /** Devices that wait for a call. The queue removes them, and puts them back. */
  readonly waiting: Set<string>;
  /** Resolves when every device has been reported, or when the request has left. */
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

  /** Whether this device has not been reported yet. */
  awaits(deviceName: string): boolean {
    return this.#untold.has(deviceName);
  }
}
