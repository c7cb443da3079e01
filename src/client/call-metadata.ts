// Builds the metadata of every call: the caller's name, the token, and the trace context that is
// active where the call is made.
import { Metadata } from "@grpc/grpc-js";
import { type Context, propagation, type TextMapSetter } from "@opentelemetry/api";
import { SECRET, wrongWith } from "../base/text-rules.js";
import { kindOf, ownError } from "./ota-error.js";

/** A token, or a function that gives the current one; it is called before each call. */
export type Token = string | (() => string | Promise<string>);

const METADATA_SETTER: TextMapSetter<Metadata> = { set: (metadata, key, value) => metadata.set(key, value) };

/**
 * Without an OpenTelemetry SDK in the process, no trace context is added. Rejects with OtaError if
 * there is no token.
 */
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

/**
 * Trims the line end of the file that the token came from. Checks the characters, because grpc-js
 * would quote a token that it refuses.
 */
async function currentOf(token: Token | undefined): Promise<string | undefined> {
  let current: string | undefined;
  try {
    current = (typeof token === "function" ? await token() : token)?.trim();
  } catch (error) {
    // The message is left out: it comes from the caller's token function, and may quote anything.
    throw ownError("UNAUTHENTICATED", `the token function failed: ${kindOf(error)}`, error);
  }
  const wrong = current ? wrongWith(current, SECRET) : undefined;
  if (wrong) throw ownError("UNAUTHENTICATED", `the token contains a character that is not allowed: it ${wrong}`);
  return current;
}
