// The sampler of the standard variables, with one exception: the span of an upstream call is always
// recorded. There are at most ten a second for each operation, and they prove what was sent.
import type { Attributes, Context, Link, SpanKind } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace-base";
import { UPSTREAM_CALL_SPANS } from "../../tracing/spans.js";

/** Samples as OTEL_TRACES_SAMPLER says, plus every upstream call. */
export class UpstreamCallsSampler implements Sampler {
  readonly #others: Sampler;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#others = standardSampler(environment["OTEL_TRACES_SAMPLER"], environment["OTEL_TRACES_SAMPLER_ARG"]);
  }

  shouldSample(
    context: Context,
    traceId: string,
    spanName: string,
    spanKind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    if (UPSTREAM_CALL_SPANS.has(spanName)) return { decision: SamplingDecision.RECORD_AND_SAMPLED };
    return this.#others.shouldSample(context, traceId, spanName, spanKind, attributes, links);
  }

  toString(): string {
    return `UpstreamCallsSampler{${this.#others}}`;
  }
}

/** Follows the OpenTelemetry specification of the variables. Unknown values mean the default. */
function standardSampler(name = "parentbased_always_on", argument = ""): Sampler {
  const ratio = Number(argument.trim() || 1); // an empty variable counts as unset
  const byRatio = () => new TraceIdRatioBasedSampler(ratio >= 0 && ratio <= 1 ? ratio : 1);
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return byRatio();
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: byRatio() });
    default:
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  }
}
