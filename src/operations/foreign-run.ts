// Ends an operation that no gateway could run in time: its account or its format is not known here,
// and it has expired long ago. Nothing of it is sent.
import type { Failure } from "../gateway/failures.js";
import { MAYBE_SENT } from "./run-ending.js";
import type { Leased, OperationStore } from "./store.js";
import type { LeasedRun, Tenure } from "./tenure.js";

const NOT_RUN: Failure = { kind: "expired", message: "no gateway with its account ran the operation in time" };

export function foreignRun(tenure: Tenure, store: Pick<OperationStore, "end">, { lease }: Leased): LeasedRun {
  const failure = JSON.stringify(NOT_RUN);
  const end = { state: "expired", failure, sent: JSON.stringify(MAYBE_SENT), unsent: failure } as const;
  return {
    step: async () => (tenure.isLeaving ? tenure.close() : tenure.end(() => store.end(lease, end))),
    ending: () => {},
    leaving: () => {},
  };
}
