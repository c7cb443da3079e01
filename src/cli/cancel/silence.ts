// Notices that a gateway has gone quiet. While requests wait, it reports its progress twice a
// second, so a longer silence means that the connection, or the gateway, is gone.
import { type Clock, every } from "../../base/clock.js";
import { duration } from "../terminal/figures.js";

const SILENT_MS = 5000;
const LOOK_MS = 500;

export interface Silence {
  /** To be called for every sign of life. */
  heard(): void;
  end(): void;
}

/** Notes each silence once, and its end. `isWaiting`: whether the gateway owes an answer. */
export function watchSilence(clock: Clock, isWaiting: () => boolean, note: (text: string) => void): Silence {
  let heardMs = clock.now();
  let isNoted = false;
  const disarm = every(clock, LOOK_MS, () => {
    if (!isWaiting()) heardMs = clock.now();
    if (isNoted || clock.now() - heardMs < SILENT_MS) return;
    isNoted = true;
    note(`waiting: nothing heard from the gateway for ${duration(SILENT_MS)}`);
  });
  return {
    heard() {
      if (isNoted) note(`the gateway is heard again, after ${duration(clock.now() - heardMs)}`);
      isNoted = false;
      heardMs = clock.now();
    },
    end: disarm,
  };
}
