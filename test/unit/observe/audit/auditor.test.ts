import { describe, expect, it } from "vitest";
import { GatewayError } from "../../../../src/gateway/failures.js";
import type { Answer } from "../../../../src/gateway/waiter.js";
import type { AuditedRequest } from "../../../../src/observe/audit/audit-record.js";
import { createAuditor } from "../../../../src/observe/audit/auditor.js";
import { FakeLog } from "../../../support/fake-log.js";
import { HandClock } from "../../../support/hand-clock.js";

const REQUEST: AuditedRequest = {
  account: "default",
  iotInstanceId: "",
  productKey: "product",
  firmwareId: "firmware",
  jobId: "",
  deviceNames: ["dev-1"],
  reason: "",
  requireAll: false,
  verify: false,
};
const ASKER = { caller: "caller", rpc: "CancelTasksByDevice", priority: "normal", span: { traceId: "", spanId: "" } };
const ANSWER: Answer = { outcomes: [{ kind: "accepted" }], callIndexes: Int32Array.of(0), calls: [], quotaWaitMs: 0 };

function start(withDeviceNames = false) {
  const clock = new HandClock();
  const log = new FakeLog();
  const written: string[] = [];
  const lines = { append: (line: string) => void written.push(line) };
  const records = () => written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { clock, log, records, auditor: createAuditor({ clock, log, lines, withDeviceNames }) };
}

describe("createAuditor", () => {
  it("records when a request came, and how long it took", async () => {
    const { auditor, clock, records } = start();
    await clock.advance(2000);
    const entry = auditor.begin(REQUEST, ASKER);
    await clock.advance(250);
    expect(records()).toEqual([]);
    entry.answered(ANSWER);
    expect(records()).toMatchObject([{ time: "2026-01-01T00:00:02.000Z", durationMs: 250, outcome: "ok" }]);
  });

  it("records each request once, by the first report", () => {
    const { auditor, records } = start();
    const entry = auditor.begin(REQUEST, ASKER);
    entry.refused(new GatewayError({ kind: "draining", message: "" }));
    entry.answered(ANSWER);
    entry.validated();
    expect(records()).toMatchObject([{ outcome: "refused", error: "draining" }]);
  });

  it("tells failed answers from good ones", () => {
    const { auditor, records } = start();
    auditor.begin(REQUEST, ASKER).answered(ANSWER, new GatewayError({ kind: "aborted", message: "" }));
    auditor.begin(REQUEST, ASKER).validated();
    expect(records()).toMatchObject([{ outcome: "failed", error: "aborted" }, { outcome: "validated" }]);
  });

  it("records names only if configured to", () => {
    const named = start(true);
    named.auditor.begin(REQUEST, ASKER).validated();
    expect(named.records()).toMatchObject([{ deviceNames: ["dev-1"] }]);
    const unnamed = start();
    unnamed.auditor.begin(REQUEST, ASKER).validated();
    expect(unnamed.records()[0]).not.toHaveProperty("deviceNames");
  });

  it("does not fail a request that it cannot record", () => {
    const { auditor, log, records } = start();
    auditor.begin({ ...REQUEST, deviceNames: undefined as never }, ASKER).validated();
    expect(records()).toEqual([]);
    expect(log.lines).toMatchObject([{ level: "error" }]);
  });
});
