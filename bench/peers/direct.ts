// (a) The official SDK, called directly. A throttled call is retried later.
import type { CreatePeer } from "./peer.js";
import { retrying } from "./retry.js";

export const direct: CreatePeer = ({ cancelTasks }) => ({
  cancel: (deviceName) => retrying(() => cancelTasks([deviceName])),
});
