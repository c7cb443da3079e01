// The queue of devices to read back. Callers take turns, one call each, and so do the requests of a
// caller: a call takes the devices of the request whose turn it is first, then any others that it
// can read. A device that several requests ask for is read once. No request is answered by a call
// sent before the request arrived.
import { type Scope, scopeKey } from "../gateway/command.js";
import type { Room } from "../gateway/upstream.js";
import type { ReadRequest } from "./read-request.js";

/** A queued device, with all requests that wait for it. */
export interface ReadDevice {
  readonly name: string;
  readonly readRequests: readonly ReadRequest[];
  /** The number of unsuccessful calls that included it. */
  readonly attempts: number;
  /**
   * Set after a call with it was refused because of one device: it is sent alone, so it cannot harm
   * others.
   */
  readonly alone: boolean;
}

export interface ReadBatch {
  readonly scope: Scope;
  readonly devices: readonly ReadDevice[];
}

/** Devices that the same call can read, by name, in order of arrival. */
type ScopeDevices = Map<string, ReadDevice>;

export class ReadQueue {
  readonly #room: Room;
  readonly #byScope = new Map<string, ScopeDevices>();
  /** Requests with waiting devices by caller, in the order of their turns. */
  readonly #turns = new Map<string, Set<ReadRequest>>();

  constructor(room: Room) {
    this.#room = room;
  }

  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  add(readRequest: ReadRequest): void {
    for (const name of readRequest.waiting)
      this.#put(readRequest.origin.scope, { ...NEW, name, readRequests: [readRequest] });
    this.#queue(readRequest);
  }

  /** Removes the request's devices from the queue, except those that other requests wait for. */
  leave(readRequest: ReadRequest): void {
    const { scope } = readRequest.origin;
    const inScope = this.#devicesOf(scope);
    for (const name of readRequest.waiting) {
      const device = inScope.get(name);
      const readRequests = device?.readRequests.filter((each) => each !== readRequest) ?? [];
      if (device && readRequests.length > 0) inScope.set(name, { ...device, readRequests });
      else inScope.delete(name);
    }
    readRequest.waiting.clear();
    this.#dequeue(readRequest);
    this.#drop(scope, inScope);
  }

  /** Takes the devices of the next call; undefined if none wait. */
  cut(): ReadBatch | undefined {
    const [turn] = this.#turns;
    if (!turn) return undefined;
    const [caller, readRequests] = turn;
    const [first] = readRequests;
    if (!first) throw new Error("a caller without a request has a turn");
    const { scope } = first.origin;
    const devices = this.#fill(scope, first);
    const others = this.#turns.get(caller);
    if (others) {
      this.#turns.delete(caller);
      this.#turns.set(caller, others);
      // A request whose calls fail must not hold up its caller's others.
      if (others.delete(first)) others.add(first);
    }
    return { scope, devices };
  }

  /** Takes all waiting devices of this scope. */
  takeAlike(scope: Scope): ReadDevice[] {
    const inScope = this.#devicesOf(scope);
    const devices = [...inScope.values()];
    for (const device of devices) this.#take(inScope, device);
    this.#drop(scope, inScope);
    return devices;
  }

  /** Puts devices back, for the requests that have not left. */
  putBack(scope: Scope, devices: readonly ReadDevice[]): void {
    for (const device of devices) {
      const readRequests = device.readRequests.filter((readRequest) => readRequest.awaits(device.name));
      if (readRequests.length === 0) continue;
      this.#put(scope, { ...device, readRequests });
      for (const readRequest of readRequests) {
        readRequest.waiting.add(device.name);
        this.#queue(readRequest);
      }
    }
  }

  #fill(scope: Scope, first: ReadRequest): ReadDevice[] {
    const inScope = this.#devicesOf(scope);
    const { devices: most, bytes, bytesOfScope, bytesOfDevice } = this.#room;
    let leftBytes = bytes - bytesOfScope(scope);
    const devices: ReadDevice[] = [];
    for (const device of inTurn(first, inScope)) {
      if (device.alone && devices.length > 0) continue;
      leftBytes -= bytesOfDevice(device.name);
      if (devices.length === most || (leftBytes < 0 && devices.length > 0)) break;
      this.#take(inScope, device);
      devices.push(device);
      if (device.alone) break;
    }
    this.#drop(scope, inScope);
    return devices;
  }

  #take(inScope: ScopeDevices, device: ReadDevice): void {
    inScope.delete(device.name);
    for (const readRequest of device.readRequests) {
      readRequest.waiting.delete(device.name);
      if (readRequest.waiting.size === 0) this.#dequeue(readRequest);
    }
  }

  #put(scope: Scope, device: ReadDevice): void {
    const inScope = this.#devicesOf(scope);
    const there = inScope.get(device.name);
    inScope.set(device.name, there ? merged(there, device) : device);
  }

  #queue(readRequest: ReadRequest): void {
    const { caller } = readRequest.origin;
    const readRequests = this.#turns.get(caller) ?? new Set();
    this.#turns.set(caller, readRequests.add(readRequest));
  }

  #dequeue(readRequest: ReadRequest): void {
    const { caller } = readRequest.origin;
    const readRequests = this.#turns.get(caller);
    readRequests?.delete(readRequest);
    if (readRequests?.size === 0) this.#turns.delete(caller);
  }

  #devicesOf(scope: Scope): ScopeDevices {
    const key = scopeKey(scope);
    const inScope = this.#byScope.get(key) ?? new Map<string, ReadDevice>();
    this.#byScope.set(key, inScope);
    return inScope;
  }

  #drop(scope: Scope, inScope: ScopeDevices): void {
    if (inScope.size === 0) this.#byScope.delete(scopeKey(scope));
  }
}

const NEW = { attempts: 0, alone: false };

/**
 * Yields the devices of the request whose turn it is, then the others. Devices taken meanwhile are
 * skipped.
 */
function* inTurn(first: ReadRequest, inScope: ScopeDevices): Generator<ReadDevice> {
  for (const name of first.waiting) {
    const device = inScope.get(name);
    if (device) yield device;
  }
  yield* inScope.values();
}

function merged(a: ReadDevice, b: ReadDevice): ReadDevice {
  const readRequests = [...new Set([...a.readRequests, ...b.readRequests])];
  return { name: a.name, readRequests, attempts: Math.max(a.attempts, b.attempts), alone: a.alone || b.alone };
}
