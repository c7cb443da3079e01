// Makes the calls on whole batches: the parameters of each operation, and the reading of its
// answer. A page with one row is a count, so its device is dropped where it is parsed.
import type { CallEnd } from "../gateway/upstream.js";
import {
  JOB_TASK_STATES,
  type JobCall,
  type JobCallEnd,
  type JobFlags,
  type JobOperator,
} from "../rollout/job-operator.js";
import { type Operation, said } from "./device-operations.js";
import { readJob, readJobPage, readTaskPage } from "./job-answer.js";

/** The upstream allows 200. With long tags, these could exceed the longest answer that is read. */
export const JOBS_PER_PAGE = 50;

/** Sends an operation. `body` comes with success only. */
type Begin = (operation: Operation, sentMs: number) => Promise<{ readonly end: CallEnd; readonly body?: string }>;

export function createJobOperator(begin: Begin): JobOperator {
  return {
    async send(call, iotInstanceId, sentMs): Promise<JobCallEnd> {
      const { end, body = "" } = await begin(operationOf(call, iotInstanceId), sentMs);
      return end.kind === "accepted" ? { ...end, answer: answerOf(call, body) } : end;
    },
  };
}

function operationOf(call: JobCall, iotInstanceId: string): Operation {
  return { action: call.operation, parameters: said(...parametersOf(call), ["IotInstanceId", iotInstanceId]) };
}

function parametersOf(call: JobCall): readonly (readonly [string, string])[] {
  switch (call.operation) {
    case "ListOTAJobByFirmware":
      return [
        ["FirmwareId", call.firmwareId],
        ["CurrentPage", String(call.page)],
        ["PageSize", String(JOBS_PER_PAGE)],
      ];
    case "ListOTATaskByJob":
      return [
        ["JobId", call.jobId],
        ["TaskStatus", call.state ?? ""],
        ["CurrentPage", String(call.page)],
        ["PageSize", String(call.pageSize)],
      ];
    case "QueryOTAJob":
    case "CancelOTAStrategyByJob":
      return [["JobId", call.jobId]];
    case "CancelOTATaskByJob":
      return [["JobId", call.jobId], ...flagsOf(call.flags)];
  }
}

/** All five, false ones too: a missing CancelUnconfirmedTask is not the same as false. */
function flagsOf({ scheduled, queued, inProgress, notified, unconfirmed }: JobFlags) {
  const flags = {
    CancelScheduledTask: scheduled,
    CancelQueuedTask: queued,
    CancelInProgressTask: inProgress,
    CancelNotifiedTask: notified,
    CancelUnconfirmedTask: unconfirmed,
  };
  // The upstream requires one that is true or false; only a true one changes anything.
  if (!Object.values(flags).includes(true)) throw new Error("a CancelOTATaskByJob without any state to cancel");
  return Object.entries(flags).map(([name, value]) => [name, String(value)] as const);
}

function answerOf(call: JobCall, body: string) {
  switch (call.operation) {
    case "ListOTAJobByFirmware":
      return readJobPage(body, call.page, JOBS_PER_PAGE);
    case "QueryOTAJob":
      return readJob(body);
    case "ListOTATaskByJob":
      return readTaskPage(body, { withNames: call.pageSize > 1, states: JOB_TASK_STATES });
    case "CancelOTAStrategyByJob":
    case "CancelOTATaskByJob":
      return { kind: "done" } as const;
  }
}
