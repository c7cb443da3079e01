import { readFileSync } from "node:fs";
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  SimpleSpanProcessor,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";
import { describe, expect, it, onTestFinished } from "vitest";
import { oneExportAtATime } from "../../../../src/observe/telemetry/serial-export.js";
import { settle } from "../../../support/hand-clock.js";

type Done = Parameters<SpanExporter["export"]>[1];

const OK = { code: 0 };
const FAILED = { code: 1, error: new Error("the collector is away") };

/** An exporter whose exports end when they are told to. */
function setUp() {
  const underWay: { readonly spans: number; readonly done: Done }[] = [];
  let isOver = false;
  const exporter: SpanExporter = {
    export: (spans, done) => (isOver ? done(OK) : void underWay.push({ spans: spans.length, done })),
    shutdown: async () => {},
  };
  const options = { maxExportBatchSize: 10, maxQueueSize: 100, scheduledDelayMillis: 60_000 };
  const processor = oneExportAtATime(new BatchSpanProcessor(exporter, options));
  const provider = new BasicTracerProvider({ spanProcessors: [processor] });
  onTestFinished(() => {
    isOver = true;
    for (const { done } of underWay) done(OK);
    return provider.shutdown();
  });
  const tracer = provider.getTracer("test");
  const endSpans = (count: number) => {
    for (let n = 0; n < count; n++) tracer.startSpan("span").end();
  };
  return { underWay, endSpans };
}

describe("oneExportAtATime", () => {
  it("refuses an SDK without the method that it replaces, with the version that was tested (was: exports piled up)", () => {
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      dependencies: Record<string, string>;
    };
    const exporter: SpanExporter = { export: (_, done) => done(OK), shutdown: async () => {} };
    const renamed = new BatchSpanProcessor(exporter);
    Object.defineProperty(renamed, "_flushOneBatch", { value: undefined });
    expect(() => oneExportAtATime(renamed)).toThrow(
      `it was tested with ${dependencies["@opentelemetry/sdk-trace-base"]}: use that version`,
    );
    const simple = new SimpleSpanProcessor(exporter);
    expect(oneExportAtATime(simple)).toBe(simple);
  });

  it("holds one batch for an exporter that fails, and not one more after each failure", async () => {
    const { underWay, endSpans } = setUp();
    endSpans(100);
    for (let failures = 0; failures < 5; failures++) {
      await settle();
      expect(underWay).toMatchObject([{ spans: 10 }]);
      underWay.shift()?.done(FAILED);
      endSpans(10);
    }
    await settle();
    endSpans(10);
    expect(underWay).toHaveLength(1);
  });

  it("goes on with the next batch after a failure, as after a success", async () => {
    const { underWay, endSpans } = setUp();
    endSpans(30);
    for (const result of [FAILED, OK, FAILED]) {
      await settle();
      expect(underWay).toHaveLength(1);
      underWay.shift()?.done(result);
    }
    await settle();
    expect(underWay).toEqual([]);
  });
});
