import { diag, trace } from "@opentelemetry/api";
import { BasicTracerProvider } from "@opentelemetry/sdk-trace-base";
import { expect, it, onTestFinished } from "vitest";
import { endCallSpan } from "../../../src/tracing/spans.js";

it("a caller that has its answer already is told nothing (was: a warning and a stack for each, in an outage)", () => {
  const said: string[] = [];
  const say = (message: string) => void said.push(message);
  diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say });
  onTestFinished(() => diag.disable());
  said.length = 0;
  const tracer = new BasicTracerProvider().getTracer("test");
  const [open, over] = [tracer.startSpan("open"), tracer.startSpan("over")];
  over.end();
  const call = trace.getTracer("test").startSpan("call");
  endCallSpan(call, { kind: "lost" }, [over, open], 0);
  expect([open, over]).toMatchObject([{ events: [{ name: "ota.upstream_call" }] }, { events: [] }]);
  expect(said).toEqual([]);
});
