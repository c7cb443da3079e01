// Starts TLS handshakes at a bounded rate, address by address in turn: each takes more of the
// processor than a request. A connection takes its turn once the client has sent something, so one
// that is only opened and closed, as load balancers do to check a port, starts none.
import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.js";

/** 200 a second: a thousand clients that all come back at once are connected after five seconds. */
const HANDSHAKE_EVERY_MS = 5;

/** Turns of this length are made up for at once, so that a busy process is as fast as another. */
const LONGEST_TURN_MS = 50;

/** How long a connection may wait for its turn. */
const TURN_WITHIN_MS = 5000;

/** A client sends no more than one record before the server has answered. */
const FIRST_RECORD_BYTES = 5 + 16_384;

export interface HandshakePacerOptions {
  readonly clock: Clock;
  readonly begin: (socket: Socket) => void;
  readonly refuse: (socket: Socket, reason: string) => void;
}

/** The connections of one address that wait, with the time since which they do, oldest first. */
type Queue = Map<Socket, number>;

export class HandshakePacer {
  readonly #options: HandshakePacerOptions;
  /** By address; the address whose turn is next comes first. */
  readonly #queues = new Map<string, Queue>();
  #nextMs = -Infinity;
  #isArmed = false;
  #disarm = () => {};

  constructor(options: HandshakePacerOptions) {
    this.#options = options;
  }

  /** Begins the handshake of this connection when its turn comes, unless it closes before. */
  add(socket: Socket, address: string): void {
    socket.on("error", () => {}); // before the handshake nothing else listens
    socket.on("readable", () => {
      if (socket.readableLength > FIRST_RECORD_BYTES) this.#options.refuse(socket, "no TLS handshake");
      else if (socket.readableLength > 0) this.#enqueue(socket, address);
    });
    socket.once("close", () => this.#remove(socket, address));
  }

  close(): void {
    this.#disarm();
    this.#queues.clear();
  }

  #enqueue(socket: Socket, address: string): void {
    const queue = this.#queues.get(address) ?? new Map<Socket, number>();
    if (queue.has(socket)) return;
    queue.set(socket, this.#options.clock.now());
    this.#queues.set(address, queue);
    if (!this.#isArmed) this.#run();
  }

  #remove(socket: Socket, address: string): void {
    const queue = this.#queues.get(address);
    queue?.delete(socket);
    if (queue?.size === 0) this.#queues.delete(address);
  }

  /** Begins the handshakes that are due, and comes back while others wait. */
  #run(): void {
    const { clock, begin } = this.#options;
    const nowMs = clock.now();
    this.#nextMs = Math.max(this.#nextMs, nowMs - LONGEST_TURN_MS);
    while (this.#nextMs <= nowMs) {
      const next = this.#take(nowMs);
      if (!next) break;
      this.#nextMs += HANDSHAKE_EVERY_MS;
      next.removeAllListeners("readable");
      begin(next);
    }
    this.#isArmed = this.#queues.size > 0;
    if (!this.#isArmed) return;
    this.#disarm = clock.at(this.#nextMs, () => this.#run());
  }

  /** The connection whose turn it is. Those that have waited too long are refused. */
  #take(nowMs: number): Socket | undefined {
    for (const [address, queue] of this.#queues) {
      for (const [socket, sinceMs] of queue) {
        this.#remove(socket, address);
        if (nowMs - sinceMs > TURN_WITHIN_MS) {
          this.#options.refuse(socket, "too many TLS handshakes");
          continue;
        }
        if (queue.size > 0) {
          this.#queues.delete(address);
          this.#queues.set(address, queue); // behind all others
        }
        return socket;
      }
    }
    return undefined;
  }
}
