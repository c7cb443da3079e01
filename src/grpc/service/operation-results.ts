// ListOperationResults: one page of the devices of an operation, as long as a page may be.
import { OUTCOMES } from "../../gateway/device-outcome.js";
import { invalid } from "../../gateway/failures.js";
import { Status } from "../../gen/google/rpc/status.js";
import type {
  DeviceResult,
  ListOperationResultsRequest,
  ListOperationResultsResponse,
  Outcome,
} from "../../gen/ota/v1/ota_service.js";
import { failureOfOutcome, outcomeOf } from "../../operations/cancel-list.js";
import type { Operations } from "../../operations/operations.js";
import { STOP_ROLLOUT, stopDetailOf } from "../../operations/stop/stop-spec.js";
import type { OperationRecord } from "../../operations/store.js";
import { deviceStatusOf } from "../wire/status.js";
import { pageSizeOf, pageTokenOf, positionIn } from "./page-token.js";
import { WIRE_OUTCOMES } from "./response.js";

const USUAL_RESULTS = 1000;
const MOST_RESULTS = 10_000;
const MOST_PAGE_BYTES = 1 << 20;
/** Of a result on the wire, beside its name and its status: tags, lengths and numbers. */
const RESULT_BYTES = 24;

/** Undefined if the operation has been deleted. Throws GatewayError. */
export async function resultsPageOf(
  operations: Pick<Operations, "results">,
  record: OperationRecord,
  request: ListOperationResultsRequest,
): Promise<ListOperationResultsResponse | undefined> {
  const { id } = record;
  const most = pageSizeOf(request.pageSize, USUAL_RESULTS, MOST_RESULTS);
  // Each once: a request has room for hundreds of thousands, and devices are compared with all.
  const asked = [...new Set(request.outcomes)];
  const kinds = asked.map((outcome) => OUTCOMES.findIndex((kind) => WIRE_OUTCOMES[kind] === outcome));
  if (kinds.includes(-1)) throw invalid("outcomes", "has an outcome that is not known");
  const of = [id, [...kinds].sort()];
  const isPosition = (position: unknown): position is number => Number.isSafeInteger(position) && Number(position) >= 0;
  const from = positionIn(request.pageToken, of, isPosition) ?? 0;
  const page = await operations.results({ id, from, most, ...(kinds.length > 0 && { kinds }) });
  if (!page) return undefined;
  const truncated = record.kind === STOP_ROLLOUT && stopDetailOf(record.progress.detail)?.isTruncated === true;
  const found: DeviceResult[] = [];
  const explain = createExplanations();
  let bytes = 0;
  for (const { name, kind, failure, position } of page.results) {
    const { outcome, status, statusBytes } = explain(kind, failure);
    bytes += name.length + statusBytes + RESULT_BYTES;
    if (bytes > MOST_PAGE_BYTES) return { results: found, nextPageToken: pageTokenOf(of, position), truncated };
    found.push({ deviceName: name, outcome, callIndex: -1, status });
  }
  return { results: found, nextPageToken: page.next === undefined ? "" : pageTokenOf(of, page.next), truncated };
}

/** Thousands of devices share a failure, which is parsed and encoded once for a page. */
function createExplanations() {
  const known = OUTCOMES.map(
    () => new Map<string, { outcome: Outcome; status: Status | undefined; statusBytes: number }>(),
  );
  return (kind: number, failure: string) => {
    const ofKind = known[kind];
    let explanation = ofKind?.get(failure);
    if (!explanation) {
      const outcome = outcomeOf(kind, failure);
      const why = failureOfOutcome(outcome);
      const status = why && deviceStatusOf(why);
      const statusBytes = status ? Status.encode(status).finish().length : 0;
      explanation = { outcome: WIRE_OUTCOMES[outcome.kind], status, statusBytes };
      ofKind?.set(failure, explanation);
    }
    return explanation;
  };
}
