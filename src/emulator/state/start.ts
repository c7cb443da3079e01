// Starts the platform of an emulator: its time, the simulated devices, and the seeded fleet.
import type { Clock } from "../../base/clock.js";
import type { OpenQuestions } from "../open-questions.js";
import { type Randomness, randomFor } from "../random.js";
import { Platform } from "./platform.js";
import { type FleetSeed, seedFleet } from "./seed.js";
import { type SimulationSettings, simulateDevices } from "./simulation.js";

interface Start
  extends FleetSeed,
    SimulationSettings,
    Randomness,
    Pick<OpenQuestions, "lateSuccess" | "olderDynamicJob"> {
  readonly listLagMs: number;
  readonly simulate: boolean;
  readonly clock: Clock;
}

/** `aheadMs` is how far the platform's time was moved ahead; it only grows. */
export function startPlatform(settings: Start, aheadMs: () => number = () => 0): Platform {
  const { clock } = settings;
  // Runs on the monotonic clock: when the machine's clock is set, due work must not repeat or be
  // skipped.
  const zeroMs = clock.wallNow() - clock.now();
  const platform = new Platform(() => Math.floor(zeroMs + clock.now() + aheadMs()), {
    listLagMs: settings.listLagMs,
    lateSuccess: settings.lateSuccess === "becomes-succeeded",
    olderDynamicJobTakesOver: settings.olderDynamicJob === "takes-over",
  });
  if (settings.simulate) simulateDevices(platform, settings, (...run) => randomFor(settings, "device", ...run));
  seedFleet(platform, settings);
  return platform;
}
