// Makes a reader of metrics report the gauges of this collection only. By itself the SDK repeats a
// series that is no longer observed with its last value forever, and after the machine's clock was
// set back, every gauge with its last value until the clock has caught up.
import { AggregationTemporality, type IMetricReader, InstrumentType } from "@opentelemetry/sdk-metrics";

/** Returns the same reader. To be called before it is given to the SDK. */
export function currentGauges<R extends Pick<IMetricReader, "selectAggregationTemporality">>(reader: R): R {
  const selected = reader.selectAggregationTemporality.bind(reader);
  // No gauge has a temporality on the wire. For the SDK, this one means that nothing is kept.
  const current = (type: InstrumentType) =>
    type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : selected(type);
  return Object.assign(reader, { selectAggregationTemporality: current });
}
