// Faults that are played on chosen calls. They strike calls that were counted and admitted.

export type Fault =
  /** Never answers. `applied`: carries the call out all the same. */
  | { readonly kind: "hang"; readonly applied: boolean }
  /** Drops the connection instead of answering. */
  | { readonly kind: "reset"; readonly applied: boolean }
  /** What a proxy on the way answers: 502, HTML, no RequestId; the call is not carried out. */
  | { readonly kind: "bad-gateway" }
  /** Refuses with this code, in one of the two shapes; the call is not carried out. */
  | {
      readonly kind: "error";
      readonly shape: "gateway" | "service";
      readonly status: number;
      readonly code: string;
      readonly message: string;
      /** With the gateway's shape: the hint when to come again. */
      readonly retryAfterMs?: number;
    }
  /** Carries the call out, and answers that much later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Carries the call out, answers at once, and takes that long to write the body. */
  | { readonly kind: "slow-body"; readonly bodyMs: number };

/** What a fault is chosen by. */
export interface CountedCall {
  readonly action: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 1 for the first call that was admitted, and so on. */
  readonly number: number;
}

/** Chooses the fault for a call; undefined leaves the call alone. */
export type Faults = (call: CountedCall) => Fault | undefined;
