// One list on its way into the store: names are checked, repeated ones are dropped, and some chunks
// are staged while the next names arrive. Nothing is visible before `publish`, and nothing is left
// after `discard`.
import { hash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { DEVICE_NAME, wrongWith } from "../base/text-rules.js";
import { GatewayError, invalid, MOST_VIOLATIONS, type Violation } from "../gateway/failures.js";
import { CANCEL_LIST, type CancelListSpec } from "./cancel-list.js";
import { NameSet } from "./name-set.js";
import { gatewayErrorOf, publishOperation, STORE_RETRY_MS } from "./publication.js";
import { SetDigest } from "./set-digest.js";
import { CHUNK_DEVICES, type OperationRecord, type OperationStore } from "./store.js";

export interface SubmissionOptions {
  readonly store: OperationStore;
  readonly id: string;
  readonly caller: string;
  readonly spec: CancelListSpec;
  readonly mostDevices: number;
  readonly mostOperations: number;
  /** Counts so many more names in memory, or returns false if there is no room for them. */
  readonly hold: (names: number) => boolean;
  /** Expected time until so many devices are done. */
  readonly expectedMs: (devices: number) => number;
}

/** Names of one commit: each costs a sync of a disk, and round trips to a server. */
const STAGED_NAMES = 5 * CHUNK_DEVICES;

export class ListSubmission {
  readonly #options: SubmissionOptions;
  readonly #names = new NameSet();
  readonly #digest: SetDigest | undefined;
  readonly #violations: Violation[] = [];
  #wrong = 0;
  #received = 0;
  /** Names that are not in the store yet, apart from those that are being stored. */
  #gathered: string[] = [];
  #staging: Promise<void> = Promise.resolve();
  #chunks = 0;
  #isDiscarded = false;

  constructor(options: SubmissionOptions) {
    this.#options = options;
    if (options.spec.requestId) this.#digest = new SetDigest();
  }

  /** Names received so far. */
  get received(): number {
    return this.#received;
  }

  /** Takes names, and stages what is complete. Throws GatewayError if the list cannot be stored. */
  async add(names: readonly string[]): Promise<void> {
    if (!this.#options.hold(names.length)) {
      const message = "too many devices are being submitted at the moment; retry";
      throw new GatewayError({ kind: "overloaded", subject: "gateway", message }, { retryAfterMs: STORE_RETRY_MS });
    }
    for (const name of names) {
      const at = this.#received++;
      if (at % CHUNK_DEVICES === 0) await setImmediate(); // thousands of names take milliseconds
      if (this.#isDiscarded) return;
      const wrong = wrongWith(name, DEVICE_NAME);
      if (wrong) this.#refuse(`device_names[${at}]`, wrong);
      if (this.#wrong > 0 || !this.#names.add(name)) continue;
      if (this.#names.size > this.#options.mostDevices) throw this.#tooMany();
      this.#digest?.add(name);
      this.#gathered.push(name);
      if (this.#gathered.length === STAGED_NAMES) await this.#stage();
    }
  }

  /** Makes it an operation. Throws GatewayError. */
  async publish(): Promise<OperationRecord> {
    const { store, id, caller, spec, mostOperations, expectedMs } = this.#options;
    if (this.#received === 0) this.#refuse("device_names", "is required");
    if (this.#wrong > 0) throw this.#invalid();
    const devices = this.#names.size;
    const neededMs = Math.ceil(expectedMs(devices));
    if (neededMs > spec.timeToLiveMs) throw tooShort(neededMs, spec.timeToLiveMs);
    if (this.#gathered.length > 0) await this.#stage();
    await this.#staged();
    const text = JSON.stringify(spec);
    return publishOperation(
      store,
      {
        ...{ id, caller, devices, kind: CANCEL_LIST, account: spec.account, spec: text, requestId: spec.requestId },
        fingerprint: this.#digest ? hash("sha256", `${CANCEL_LIST}\n${text}\n${this.#digest.hex()}`) : "",
        repeated: this.#received - devices,
        timeToLiveMs: spec.timeToLiveMs,
        detail: "",
      },
      mostOperations,
    );
  }

  /** Leaves nothing of it, whatever happened before. */
  async discard(): Promise<void> {
    this.#isDiscarded = true;
    this.#names.clear();
    await this.#staging.catch(() => {}); // or it would be stored after this
    if (this.#chunks > 0) await this.#options.store.discard(this.#options.id).catch(() => {}); // the sweep finds it
  }

  /** Begins to store what was gathered, once the commit before has ended. */
  async #stage(): Promise<void> {
    const { store, id } = this.#options;
    const names = this.#gathered;
    this.#gathered = [];
    await this.#staged();
    if (this.#isDiscarded) return;
    this.#staging = store.stage(id, this.#chunks, names);
    this.#staging.catch(() => {}); // thrown by the next wait for it
    this.#chunks += Math.ceil(names.length / CHUNK_DEVICES);
  }

  async #staged(): Promise<void> {
    await this.#staging.catch((error: unknown) => {
      throw gatewayErrorOf(error);
    });
  }

  #refuse(field: string, description: string): void {
    this.#wrong++;
    if (this.#violations.length < MOST_VIOLATIONS) this.#violations.push({ field, description });
  }

  #invalid(): GatewayError {
    const unlisted = this.#wrong - this.#violations.length;
    return new GatewayError({ kind: "invalid", message: "invalid request", violations: this.#violations, unlisted });
  }

  #tooMany(): GatewayError {
    return invalid("device_names", `has more than ${this.#options.mostDevices} names; submit several lists`);
  }
}

function tooShort(neededMs: number, leftMs: number): GatewayError {
  const message = `cannot be done in time: about ${neededMs} ms needed, time_to_live is ${leftMs} ms; nothing was stored`;
  return new GatewayError({ kind: "deadline-too-short", message }, { retryAfterMs: STORE_RETRY_MS });
}
