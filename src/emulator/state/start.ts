// The platform as an emulator begins with it: its time, the devices that play along, and the seeded fleet.
import type { Clock } from "../../base/clock.js";
import type { Random } from "../random.js";
import { Platform } from "./platform.js";
import { type FleetSeed, seedFleet } from "./seed.js";
import { type SimulationSettings, simulateDevices } from "./simulation.js";

interface Start extends FleetSeed, SimulationSettings {
  readonly simulate: boolean;
  readonly clock: Clock;
  readonly random: Random;
}

/** `aheadMs`: how far the platform's time was turned ahead; it only grows. */
export function startPlatform(settings: Start, aheadMs: () => number = () => 0): Platform {
  const { clock } = settings;
  // What is due must not come back or be skipped when the machine's clock is set, so it runs on the monotonic one.
  const zeroMs = clock.wallNow() - clock.now();
  const platform = new Platform(() => Math.floor(zeroMs + clock.now() + aheadMs()));
  if (settings.simulate) simulateDevices(platform, settings, settings.random);
  seedFleet(platform, settings);
  return platform;
}
