import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { describe, expect, it, onTestFinished } from "vitest";
import { createZipkinExporter } from "../../../../src/observe/telemetry/zipkin.js";

/** Exports one span to a server that does this. */
async function exportTo(listener: RequestListener, timeoutMs: string) {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const exporter = createZipkinExporter({
    OTEL_EXPORTER_ZIPKIN_ENDPOINT: `http://127.0.0.1:${port}/api/v2/spans`,
    OTEL_EXPORTER_ZIPKIN_TIMEOUT: timeoutMs,
  });
  const finished = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(finished)] });
  provider.getTracer("test").startSpan("one").end();
  return new Promise((resolve) => exporter.export(finished.getFinishedSpans(), resolve));
}

describe("createZipkinExporter", () => {
  it("refuses an exporter without the method that it replaces, with the version that was tested", () => {
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
    class Renamed {
      export(): void {}
    }
    expect(() => createZipkinExporter({}, Renamed as never)).toThrow(
      `it was tested with ${dependencies["@opentelemetry/exporter-zipkin"]}: use that version`,
    );
  });

  it("sends spans in Zipkin's format", async () => {
    let body = "";
    const result = await exportTo(async (request, response) => {
      for await (const chunk of request.setEncoding("utf8")) body += chunk;
      response.writeHead(202).end();
    }, "10000");
    expect(result).toEqual({ code: 0 });
    expect(JSON.parse(body)).toEqual([expect.objectContaining({ name: "one" })]);
  });

  it("gives up a server that takes spans and never answers (was: it held every batch for ever)", async () => {
    expect(await exportTo(() => {}, "50")).toMatchObject({ code: 1, error: { name: "TimeoutError" } });
  });

  it("reads nothing of an answer that never ends", async () => {
    const endless: RequestListener = (_, response) => {
      response.writeHead(200);
      const more = () => void (response.write("x".repeat(65_536)) ? setImmediate(more) : response.once("drain", more));
      more();
    };
    expect(await exportTo(endless, "10000")).toEqual({ code: 0 });
  });

  it("says why spans were not taken", async () => {
    const full: RequestListener = (_, response) => void response.writeHead(503).end();
    expect(await exportTo(full, "10000")).toMatchObject({
      code: 1,
      error: { message: "Zipkin answered with HTTP 503" },
    });
  });
});
