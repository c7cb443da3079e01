// (e) p-throttle, set up as its README begins. It works within one process only.
import pThrottle from "p-throttle";
import { CALLS_PER_SECOND, type CreatePeer } from "./peer.js";
import { retrying } from "./retry.js";

export const throttled: CreatePeer = ({ cancelTasks }) => {
  const throttle = pThrottle({ limit: CALLS_PER_SECOND, interval: 1000 });
  const cancel = throttle((deviceName: string) => cancelTasks([deviceName]));
  return { cancel: (deviceName) => retrying(() => cancel(deviceName)) };
};
