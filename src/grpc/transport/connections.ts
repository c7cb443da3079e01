// The connections of the gRPC port: bounds how many are open, by address and by certificate, and
// ends those that only cost. A connection that sends nothing, or does not read its answers, holds
// memory that others need.
import type { Socket } from "node:net";
import { type Clock, every } from "../../base/clock.js";
import { BOUNDS, MOST_ANSWER_BYTES } from "../resource-bounds.js";
import { readHandleOf } from "./grpc-js-internals.js";
import { type Held, ReadScheduler } from "./read-scheduler.js";
import type { CountRefusal } from "./refusal-counts.js";

/** From one address. Generous, because all callers may come through one proxy. */
const MOST_OF_ONE_ADDRESS = 1024;

/** With one certificate: a service of a hundred replicas has two from each. */
const MOST_OF_ONE_NAME = 256;

/** HTTP/2 begins with 24 bytes and a SETTINGS frame. */
const PREFACE_WITHIN_MS = 10_000;
const PREFACE_BYTES = 24 + 9;

/** How long answers may be ready while the client reads none of them. */
export const ANSWERS_TAKEN_WITHIN_MS = 30_000;

const SWEEP_EVERY_MS = 5000;

/** Streams with headers over the limit, between two sweeps. Each costs time to refuse. */
const MOST_OFFENSES = 64;

/** Bytes between two sweeps: beside requests, and for each. Pings and settings cost time. */
const BYTES_WITHOUT_REQUESTS = 16_000_000;
const BYTES_WITH_A_REQUEST = 1_000_000;
/** Bytes of requests that may come after the sweep that saw their headers. */
const MOST_BYTES_TO_COME = BOUNDS.connection.streams * BYTES_WITH_A_REQUEST;

export class Connection implements Held {
  readonly address: string;
  /** From its client certificate. */
  #certified: { readonly name: string; readonly endsWallMs: number } | undefined;
  readonly #socket: Socket;
  readonly #openedMs: number;
  readonly #readScheduler: Pick<ReadScheduler, "asked">;
  #untaken = 0;
  #untakenBytes = 0;
  #untakenSinceMs = 0;
  #requests = 0;
  #offenses = 0;
  #bytesSeen = 0;
  /** Of requests that have begun. */
  #bytesToCome = 0;

  constructor(socket: Socket, address: string, nowMs: number, readScheduler: Pick<ReadScheduler, "asked">) {
    this.#socket = socket;
    this.#readScheduler = readScheduler;
    this.address = address;
    this.#openedMs = nowMs;
  }

  /** The client has presented a valid certificate. */
  certify(name: string, endsWallMs: number): void {
    this.#certified = { name, endsWallMs };
  }

  /** The name in the client certificate; undefined if there is none, or if it has expired. */
  nameAt(wallMs: number): string | undefined {
    return this.#certified && wallMs < this.#certified.endsWallMs ? this.#certified.name : undefined;
  }

  /** The client has ignored a limit. Ends the connection, and returns true, if that goes on. */
  offended(): boolean {
    if (++this.#offenses <= MOST_OFFENSES) return false;
    this.end();
    return true;
  }

  /** A request of this caller has arrived, or another message of a stream. */
  asked(caller: string): void {
    this.#requests++;
    this.#readScheduler.asked(this, caller);
  }

  hold(): void {
    readHandleOf(this.#socket)?.readStop();
  }

  release(): void {
    readHandleOf(this.#socket)?.readStart();
  }

  /** An answer has been given, and waits for the client. */
  answered(nowMs: number, bytes = 0): void {
    if (this.#untaken++ === 0) this.#untakenSinceMs = nowMs;
    this.#untakenBytes += bytes;
    if (this.#untakenBytes > MOST_ANSWER_BYTES) this.end();
  }

  /** The client has taken an answer. */
  taken(nowMs: number, bytes = 0): void {
    this.#untaken--;
    this.#untakenBytes -= bytes;
    this.#untakenSinceMs = nowMs;
  }

  /** Why the connection has to end; undefined if it may stay. To be called at every sweep. */
  fault(nowMs: number): string | undefined {
    const { bytesRead } = this.#socket;
    const ofRequests = Math.max(bytesRead - this.#bytesSeen - BYTES_WITHOUT_REQUESTS, 0);
    const left = this.#bytesToCome + this.#requests * BYTES_WITH_A_REQUEST - ofRequests;
    this.#bytesSeen = bytesRead;
    this.#requests = this.#offenses = 0;
    if (left < 0) return "excessive traffic without requests";
    this.#bytesToCome = Math.min(left, MOST_BYTES_TO_COME);
    if (nowMs - this.#openedMs > PREFACE_WITHIN_MS && bytesRead < PREFACE_BYTES) return "no HTTP/2 preface in time";
    const isStuck = this.#untaken > 0 && nowMs - this.#untakenSinceMs > ANSWERS_TAKEN_WITHIN_MS;
    return isStuck ? "answers not read in time" : undefined;
  }

  end(): void {
    this.#socket.destroy();
  }
}

export class Connections {
  readonly #byPeer = new Map<string, Connection>();
  readonly #ofAddress = new Map<string, number>();
  readonly #ofName = new Map<string, number>();
  readonly #readScheduler: ReadScheduler;
  readonly #clock: Clock;
  readonly #refused: CountRefusal;
  readonly #disarm: () => void;

  constructor({ clock, refused }: { readonly clock: Clock; readonly refused: CountRefusal }) {
    this.#clock = clock;
    this.#refused = refused;
    this.#readScheduler = new ReadScheduler({ now: () => clock.now(), defer: setImmediate });
    this.#disarm = every(clock, SWEEP_EVERY_MS, () => this.#sweep());
  }

  /** Undefined if there are too many of its kind; the socket has been destroyed then. */
  acceptConnection(socket: Socket): Connection | undefined {
    const { remoteAddress: address, remotePort } = socket;
    if (address === undefined) return void socket.destroy(); // closed already
    if ((this.#ofAddress.get(address) ?? 0) >= MOST_OF_ONE_ADDRESS) {
      this.refuse(socket, "too many from one address");
      return undefined;
    }
    const peer = `${address}:${remotePort}`;
    // gRPC knows a connection by its peer only. A listener on several addresses could have two with
    // the same peer, and the rpcs of one would get the name of the other.
    if (this.#byPeer.has(peer)) {
      this.refuse(socket, "duplicate address and port");
      return undefined;
    }
    const connection = new Connection(socket, address, this.#clock.now(), this.#readScheduler);
    this.#byPeer.set(peer, connection);
    this.#readScheduler.opened(connection);
    add(this.#ofAddress, address, 1);
    socket.once("close", () => {
      this.#byPeer.delete(peer);
      this.#readScheduler.closed(connection);
      add(this.#ofAddress, address, -1);
    });
    return connection;
  }

  /** Gives the connection the name in its certificate. False if too many have that name. */
  nameConnection(connection: Connection, socket: Socket, name: string, endsWallMs: number): boolean {
    if ((this.#ofName.get(name) ?? 0) >= MOST_OF_ONE_NAME) return false;
    connection.certify(name, endsWallMs);
    add(this.#ofName, name, 1);
    socket.once("close", () => add(this.#ofName, name, -1));
    return true;
  }

  /** By `address:port`, as gRPC names its peers. */
  of(peer: string): Connection | undefined {
    return this.#byPeer.get(peer);
  }

  /** Destroys the socket and counts the reason. */
  refuse(socket: Socket, reason: string): void {
    this.#refused(reason, socket.remoteAddress ?? "unknown");
    socket.destroy();
  }

  close(): void {
    this.#disarm();
  }

  #sweep(): void {
    const nowMs = this.#clock.now();
    for (const connection of this.#byPeer.values()) {
      const fault = connection.fault(nowMs);
      if (fault === undefined) continue;
      this.#refused(fault, connection.address);
      connection.end();
    }
  }
}

function add(counts: Map<string, number>, key: string, more: number): void {
  const count = (counts.get(key) ?? 0) + more;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
