import { AggregationTemporality, InstrumentType } from "@opentelemetry/sdk-metrics";
import { expect, it } from "vitest";
import { createMetricReaders } from "../../../../src/observe/telemetry/exporters.js";

it("a collector gets no gauge that was not read this time, and counters since the start", () => {
  const [reader] = createMetricReaders({ OTEL_METRICS_EXPORTER: "console" });
  const { CUMULATIVE, DELTA } = AggregationTemporality;
  const { COUNTER, OBSERVABLE_COUNTER, OBSERVABLE_GAUGE } = InstrumentType;
  const selected = [COUNTER, OBSERVABLE_COUNTER, OBSERVABLE_GAUGE].map((type) =>
    reader?.selectAggregationTemporality(type),
  );
  expect(selected).toEqual([CUMULATIVE, CUMULATIVE, DELTA]);
});
