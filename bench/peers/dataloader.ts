// (g) DataLoader in front of Bottleneck: requests of one process in the same turn of its event loop
// share calls. The only peer that fills calls, as long as all callers ask in the same process at
// the same moment.
import DataLoader from "dataloader";
import { minTimeLimiter } from "./bottleneck.js";
import { type CreatePeer, DEVICES_PER_CALL } from "./peer.js";

export const dataloader: CreatePeer = (surroundings) => {
  const limiter = minTimeLimiter(surroundings);
  const load = async (deviceNames: readonly string[]) => {
    await limiter.schedule(() => surroundings.cancelTasks([...deviceNames]));
    return deviceNames.map(() => true);
  };
  // No cache, because a device may have to be canceled again.
  const loader = new DataLoader<string, boolean>(load, { maxBatchSize: DEVICES_PER_CALL, cache: false });
  return {
    async cancel(deviceName) {
      await loader.load(deviceName);
    },
  };
};
