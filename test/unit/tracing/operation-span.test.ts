// The span of an operation, as the SDK exports it.
import { trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { describe, expect, it } from "vitest";
import { startOperationSpan } from "../../../src/tracing/spans.js";
import { OperationWorld } from "../../support/operation-world.js";

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));

describe("startOperationSpan", () => {
  it("makes one span for an operation, to which each of its calls is linked", async () => {
    const world = await OperationWorld.open({ spanOf: startOperationSpan });
    const { id, caller } = await world.submit(900);
    world.start();
    await world.clock.advance(10_000);
    expect(world.ended).toMatchObject([{ id, state: "done" }]);
    const spans = exporter.getFinishedSpans();
    const [span, ...others] = spans.filter(({ name }) => name === "operation");
    expect(others).toEqual([]);
    expect(span?.attributes).toEqual({
      "ota.operation": `operations/${id}`,
      "ota.operation.kind": "cancel-list/1",
      "ota.caller": caller,
    });
    const calls = spans.filter(({ name }) => name === "CancelOTATaskByDevice");
    expect(calls).toHaveLength(world.calls.length);
    for (const { links } of calls) expect(links.map(({ context }) => context)).toEqual([span?.spanContext()]);
    expect(span?.events.map(({ attributes }) => attributes?.["ota.call.span_id"]).toSorted()).toEqual(
      calls.map((call) => call.spanContext().spanId).toSorted(),
    );
  });
});
