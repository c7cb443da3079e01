// What goes along with every call: who asks, the token, and the trace that is active where the call is made.
import { Metadata } from "@grpc/grpc-js";
import { type Context, propagation, type TextMapSetter } from "@opentelemetry/api";
import { kindOf, ownError } from "./ota-error.js";

/** A token, or where to get the current one: asked before each call. */
export type Token = string | (() => string | Promise<string>);

const METADATA_SETTER: TextMapSetter<Metadata> = { set: (metadata, key, value) => metadata.set(key, value) };

/** What a header can carry of it. */
const TOKEN = /^[\x21-\x7e]*$/;

/** Without an OpenTelemetry SDK in the process, nothing of a trace is added. Rejects with OtaError if there is no token. */
export async function callMetadata(
  caller: string | undefined,
  token: Token | undefined,
  trace: Context,
): Promise<Metadata> {
  const metadata = new Metadata();
  propagation.inject(trace, metadata, METADATA_SETTER);
  if (caller) metadata.set("x-ota-caller", caller);
  const current = await currentOf(token);
  if (current) metadata.set("authorization", `Bearer ${current}`);
  return metadata;
}

/** Without the line end of the file that it was read from. No error holds it: grpc-js would quote what it refuses. */
async function currentOf(token: Token | undefined): Promise<string | undefined> {
  let current: string | undefined;
  try {
    current = (typeof token === "function" ? await token() : token)?.trim();
  } catch (error) {
    // Its words may be those of whoever was asked for the token, and quote anything.
    throw ownError("UNAUTHENTICATED", `no token could be had: ${kindOf(error)}`, error);
  }
  if (current && !TOKEN.test(current)) {
    throw ownError(
      "UNAUTHENTICATED",
      "the token has a character that no token has: a blank, a line end, or not of ASCII",
    );
  }
  return current;
}
