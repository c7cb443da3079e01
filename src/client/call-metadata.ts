// What goes along with every call: who asks, the token, and the trace that is active where the call is made.
import { Metadata } from "@grpc/grpc-js";
import { type Context, propagation, type TextMapSetter } from "@opentelemetry/api";

/** A token, or where to get the current one: asked before each call. */
export type Token = string | (() => string | Promise<string>);

const METADATA_SETTER: TextMapSetter<Metadata> = { set: (metadata, key, value) => metadata.set(key, value) };

/** Without an OpenTelemetry SDK in the process, nothing of a trace is added. */
export async function callMetadata(
  caller: string | undefined,
  token: Token | undefined,
  trace: Context,
): Promise<Metadata> {
  const metadata = new Metadata();
  propagation.inject(trace, metadata, METADATA_SETTER);
  if (caller) metadata.set("x-ota-caller", caller);
  const current = typeof token === "function" ? await token() : token;
  if (current) metadata.set("authorization", `Bearer ${current}`);
  return metadata;
}
