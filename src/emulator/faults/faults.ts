// The faults that can happen to chosen calls. They happen to calls that were counted and admitted,
// whether these succeed or are refused.

export type Fault =
  /** Never answers. With `applied`, the call is carried out all the same. */
  | { readonly kind: "hang"; readonly applied: boolean }
  /** Drops the connection instead of answering. */
  | { readonly kind: "reset"; readonly applied: boolean }
  /** Answers like a proxy on the way: 502, HTML, no RequestId. The call is not carried out. */
  | { readonly kind: "bad-gateway" }
  /** Refuses with this code, in one of the two shapes. The call is not carried out. */
  | {
      readonly kind: "error";
      readonly shape: "gateway" | "service";
      readonly status: number;
      readonly code: string;
      readonly message: string;
      /** In the gateway's shape: the hint when to retry. */
      readonly retryAfterMs?: number;
    }
  /** Carries the call out, and answers this much later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Carries the call out, answers at once, and takes this long to write the body. */
  | { readonly kind: "slow-body"; readonly bodyMs: number };

/** The facts that a fault is chosen by. */
export interface CountedCall {
  readonly action: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 1 for the first admitted call, and so on. */
  readonly number: number;
}

/** Chooses the fault for a call, or undefined for none. */
export type Faults = (call: CountedCall) => Fault | undefined;
