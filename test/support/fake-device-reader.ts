// The upstream's operations that read devices, under the hand clock: what exists is what does not
// stand in `missing` when the call is answered. It remembers every call.
import type { Clock } from "../../src/base/clock.js";
import type { Scope } from "../../src/gateway/command.js";
import type { DeviceReadEnd, DeviceReader } from "../../src/gateway/device-reader.js";
import { ROOM } from "./fake-upstream.js";

export class FakeDeviceReader implements DeviceReader {
  readonly room;
  readonly calls: { readonly deviceNames: readonly string[]; readonly sentMs: number }[] = [];
  /** How a call is answered if not by what exists. */
  reply: (deviceNames: readonly string[]) => DeviceReadEnd | undefined = () => undefined;
  readonly #clock: Clock;
  readonly #missing: ReadonlySet<string>;

  constructor(clock: Clock, devicesPerCall: number, missing: ReadonlySet<string>) {
    this.#clock = clock;
    this.#missing = missing;
    this.room = { ...ROOM, devices: devicesPerCall };
  }

  read(_: Scope, deviceNames: readonly string[]): Promise<DeviceReadEnd> {
    const nth = this.calls.push({ deviceNames, sentMs: this.#clock.now() });
    return new Promise((resolve) => {
      this.#clock.at(this.#clock.now() + 40, () => {
        const found = new Set(deviceNames.filter((name) => !this.#missing.has(name)));
        resolve(this.reply(deviceNames) ?? { kind: "accepted", requestId: `read-${nth}`, found });
      });
    });
  }
}
