// Connections come in one by one, with a look at all others in between. Each may bring hundreds of requests in its
// first breath, and a thousand that came at once would keep everybody else waiting for all of theirs.
import type { Socket } from "node:net";

/** Gives what it is given to `take`, in order, one in each turn of the event loop. */
export function staggerAccepts(take: (socket: Socket) => void): (socket: Socket) => void {
  const waiting = new Set<Socket>();
  const next = () => {
    const [socket] = waiting;
    if (!socket) return;
    waiting.delete(socket);
    if (waiting.size > 0) setImmediate(next);
    if (!socket.destroyed) take(socket);
  };
  return (socket) => {
    waiting.add(socket);
    if (waiting.size === 1) setImmediate(next);
  };
}
