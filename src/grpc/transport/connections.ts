// The connections of the gRPC port: how many may be open, in whose name, and which are ended for taking without
// giving. One that says nothing, and one that does not take its answers, holds memory that others need.
import type { Socket } from "node:net";
import type { Clock } from "../../base/clock.js";
import { MOST_ANSWER_BYTES } from "../budget.js";
import { readHandleOf } from "./grpc-js-internals.js";
import { type Held, ReadScheduler } from "./read-scheduler.js";
import type { CountRefusal } from "./refusals.js";

/** Of one address. Generous: all callers may come through one proxy. */
const MOST_OF_ONE_ADDRESS = 1024;

/** With one certificate: a service of a hundred replicas has two from each. */
const MOST_OF_ONE_NAME = 256;

/** In which a new connection has to say that it speaks HTTP/2: 24 bytes, and a frame of settings. */
const FIRST_WORDS_WITHIN_MS = 10_000;
const FIRST_WORDS_BYTES = 24 + 9;

/** For which answers may lie ready without one of them being taken. */
const ANSWERS_TAKEN_WITHIN_MS = 30_000;

const SWEEP_EVERY_MS = 5000;

/**
 * Between two sweeps: streams with more headers than were announced as the most. Each costs time before it is refused.
 */
const MOST_OFFENSES = 64;

/** What may come between two sweeps beside requests, and with each: pings and settings are small, and cost time. */
const BYTES_WITHOUT_REQUESTS = 16_000_000;
const BYTES_WITH_A_REQUEST = 1_000_000;

export class Connection implements Held {
  readonly address: string;
  /** What its client's certificate says, and until when. */
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

  constructor(socket: Socket, address: string, nowMs: number, readScheduler: Pick<ReadScheduler, "asked">) {
    this.#socket = socket;
    this.#readScheduler = readScheduler;
    this.address = address;
    this.#openedMs = nowMs;
  }

  /** Its client has shown a certificate. */
  certify(name: string, endsWallMs: number): void {
    this.#certified = { name, endsWallMs };
  }

  /** The name in its client's certificate; undefined if it has none, or one that has ended. */
  nameAt(wallMs: number): string | undefined {
    return this.#certified && wallMs < this.#certified.endsWallMs ? this.#certified.name : undefined;
  }

  /** It has broken a rule of HTTP/2 that it was told. Ends it if it does that again and again. */
  offended(): boolean {
    if (++this.#offenses <= MOST_OFFENSES) return false;
    this.end();
    return true;
  }

  /** A request of this caller has arrived, or one more message of a stream. */
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

  /** An answer has been given, and waits to be sent. */
  answered(nowMs: number, bytes = 0): void {
    if (this.#untaken++ === 0) this.#untakenSinceMs = nowMs;
    this.#untakenBytes += bytes;
    if (this.#untakenBytes > MOST_ANSWER_BYTES) this.end();
  }

  /** An answer has gone out. */
  taken(nowMs: number, bytes = 0): void {
    this.#untaken--;
    this.#untakenBytes -= bytes;
    this.#untakenSinceMs = nowMs;
  }

  /** Why it is to be ended, if it is; asked at every sweep. */
  fault(nowMs: number): string | undefined {
    const { bytesRead } = this.#socket;
    const mayHaveSent = BYTES_WITHOUT_REQUESTS + this.#requests * BYTES_WITH_A_REQUEST;
    const sent = bytesRead - this.#bytesSeen;
    this.#bytesSeen = bytesRead;
    this.#requests = this.#offenses = 0;
    if (sent > mayHaveSent) return "it sent much and asked little";
    if (nowMs - this.#openedMs > FIRST_WORDS_WITHIN_MS && bytesRead < FIRST_WORDS_BYTES) return "it said nothing";
    const isStuck = this.#untaken > 0 && nowMs - this.#untakenSinceMs > ANSWERS_TAKEN_WITHIN_MS;
    return isStuck ? "its answers were not taken" : undefined;
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
  #disarm = () => {};

  constructor({ clock, refused }: { readonly clock: Clock; readonly refused: CountRefusal }) {
    this.#clock = clock;
    this.#refused = refused;
    this.#readScheduler = new ReadScheduler({ now: () => clock.now(), defer: setImmediate });
    this.#arm();
  }

  /** Undefined, and the end of the socket, if there are too many of its kind. */
  admit(socket: Socket): Connection | undefined {
    const { remoteAddress: address, remotePort } = socket;
    if (address === undefined) return void socket.destroy(); // gone already
    if ((this.#ofAddress.get(address) ?? 0) >= MOST_OF_ONE_ADDRESS) {
      this.refuse(socket, "too many from one address");
      return undefined;
    }
    const peer = `${address}:${remotePort}`;
    // gRPC knows no more of a connection. A listener on several addresses can have two with the same other end, and
    // rpcs of one would go by the name of the other.
    if (this.#byPeer.has(peer)) {
      this.refuse(socket, "there is one from the same address and port");
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

  /** Whether the connection may go on in that name, which its certificate proves until then. */
  isNamed(connection: Connection, socket: Socket, name: string, endsWallMs: number): boolean {
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

  /** Ends a socket that has no part in anything, and notes why. */
  refuse(socket: Socket, reason: string): void {
    this.#refused(reason, socket.remoteAddress ?? "unknown");
    socket.destroy();
  }

  close(): void {
    this.#disarm();
  }

  #arm(): void {
    this.#disarm = this.#clock.at(this.#clock.now() + SWEEP_EVERY_MS, () => {
      this.#sweep();
      this.#arm();
    });
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
