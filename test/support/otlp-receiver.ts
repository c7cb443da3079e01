// An OTLP/HTTP receiver for traces: takes protobuf or JSON, and keeps every span as it came. It
// shares no code with the exporter, so that it reads what is really on the wire.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { BinaryReader } from "@bufbuild/protobuf/wire";

type Value = string | number | boolean | null | readonly Value[];
type Attributes = Readonly<Record<string, Value>>;

/** Ids in lower-case hex, empty for none. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER" | "UNSPECIFIED";
  readonly isError: boolean;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly attributes: Attributes }[];
  /** Attributes, events and links that are missing because of a limit. */
  readonly dropped: number;
  readonly resource: Attributes;
}

export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Everything received as text, to search for what must not be in it. */
  readonly text: string;
  close(): Promise<void>;
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  let text = "";
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const sent = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
    const type = request.headers["content-type"] ?? "";
    text += body.toString("utf8");
    if (request.url === "/v1/traces") spans.push(...spansOf(type, body));
    response.writeHead(200, { "content-type": type }).end(type === "application/json" ? "{}" : undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get text() {
      return text;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function spansOf(contentType: string, body: Buffer): ReceivedSpan[] {
  const request = contentType === "application/json" ? JSON.parse(body.toString("utf8")) : decode(body, REQUEST);
  return all(request["resourceSpans"]).flatMap(({ resource, scopeSpans }) =>
    all(scopeSpans).flatMap((scope) => all(scope["spans"]).map((span) => received(span, resource))),
  );
}

/** A message in OTLP's JSON encoding. */
// biome-ignore lint/suspicious/noExplicitAny: what comes over the wire can be anything
type Message = Record<string, any>;

const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] as const;

function received(span: Message, resource: Message | undefined): ReceivedSpan {
  const counts = ["droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"];
  return {
    ...idsOf(span),
    parentSpanId: span["parentSpanId"] ?? "",
    name: span["name"],
    kind: KINDS[span["kind"] ?? 0] ?? "UNSPECIFIED",
    isError: span["status"]?.code === 2,
    startNs: BigInt(span["startTimeUnixNano"]),
    endNs: BigInt(span["endTimeUnixNano"]),
    attributes: attributesOf(span),
    events: all(span["events"]).map((event) => ({ name: event["name"], attributes: attributesOf(event) })),
    links: all(span["links"]).map((link) => ({ ...idsOf(link), attributes: attributesOf(link) })),
    dropped: counts.reduce((sum, count) => sum + (span[count] ?? 0), 0),
    resource: attributesOf(resource ?? {}),
  };
}

function idsOf({ traceId, spanId }: Message): { traceId: string; spanId: string } {
  return { traceId, spanId };
}

function attributesOf(message: Message): Attributes {
  return Object.fromEntries(all(message["attributes"]).map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: Message = {}): Value {
  if ("arrayValue" in value) return all(value["arrayValue"]?.values).map(plainValue);
  if ("intValue" in value) return Number(value["intValue"]);
  return value["stringValue"] ?? value["boolValue"] ?? value["doubleValue"] ?? null;
}

function all(messages: unknown): Message[] {
  return Array.isArray(messages) ? messages : [];
}

/**
 * Fields by number: their names in JSON, and how they are read. A list means that the field is
 * repeated.
 */
interface Shape {
  readonly [field: number]: readonly [name: string, read: Read | readonly [Read]];
}

type Read = (reader: BinaryReader) => unknown;

const text: Read = (reader) => reader.string();
const id: Read = (reader) => Buffer.from(reader.bytes()).toString("hex");
const count: Read = (reader) => reader.uint32();
const nanoseconds: Read = (reader) => reader.fixed64();
const message =
  (shape: () => Shape): Read =>
  (reader) =>
    decode(reader.bytes(), shape());

const VALUES: Shape = { 1: ["values", [message(() => VALUE)]] };
const VALUE: Shape = {
  1: ["stringValue", text],
  2: ["boolValue", (reader) => reader.bool()],
  3: ["intValue", (reader) => reader.int64()],
  4: ["doubleValue", (reader) => reader.double()],
  5: ["arrayValue", message(() => VALUES)],
};
const ATTRIBUTE: Shape = { 1: ["key", text], 2: ["value", message(() => VALUE)] };
const attributes = ["attributes", [message(() => ATTRIBUTE)]] as const;
const EVENT: Shape = { 1: ["timeUnixNano", nanoseconds], 2: ["name", text], 3: attributes };
const LINK: Shape = { 1: ["traceId", id], 2: ["spanId", id], 4: attributes };
const STATUS: Shape = { 2: ["message", text], 3: ["code", count] };
const SPAN: Shape = {
  1: ["traceId", id],
  2: ["spanId", id],
  4: ["parentSpanId", id],
  5: ["name", text],
  6: ["kind", count],
  7: ["startTimeUnixNano", nanoseconds],
  8: ["endTimeUnixNano", nanoseconds],
  9: attributes,
  10: ["droppedAttributesCount", count],
  11: ["events", [message(() => EVENT)]],
  12: ["droppedEventsCount", count],
  13: ["links", [message(() => LINK)]],
  14: ["droppedLinksCount", count],
  15: ["status", message(() => STATUS)],
};
const SCOPE_SPANS: Shape = { 2: ["spans", [message(() => SPAN)]] };
const RESOURCE: Shape = { 1: attributes };
const RESOURCE_SPANS: Shape = {
  1: ["resource", message(() => RESOURCE)],
  2: ["scopeSpans", [message(() => SCOPE_SPANS)]],
};
const REQUEST: Shape = { 1: ["resourceSpans", [message(() => RESOURCE_SPANS)]] };

function decode(bytes: Uint8Array, shape: Shape): Message {
  const reader = new BinaryReader(bytes);
  const decoded: Message = {};
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const [name, read] = shape[field] ?? [];
    if (name === undefined || read === undefined) reader.skip(wireType, field);
    else if (typeof read === "function") decoded[name] = read(reader);
    else decoded[name] = [...all(decoded[name]), read[0](reader)];
  }
  return decoded;
}
