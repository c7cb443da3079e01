// Reads the issuer's public keys (a JWK Set) from a file or from an https address. Errors say what
// is wrong without quoting any of the content.
import { readFile } from "node:fs/promises";
import type { JSONWebKeySet } from "jose";
import { type Dispatcher, fetch } from "undici";
import { createConnectionPool } from "../network/connection-pool.js";

/** The location of a JWK Set. */
export type KeyLocation =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: URL };

export interface KeySource {
  /**
   * Reads the keys; equal text means equal keys. Rejects with an Error whose message tells the
   * operator what to fix.
   */
  read(): Promise<string>;
  /** The keys are read again after this time. */
  readonly freshMs: number;
}

/**
 * Reading a file costs almost nothing. Keys removed from it must be invalid within ten seconds:
 * this, plus a margin.
 */
const FILE_FRESH_MS = 5000;
const URL_FRESH_MS = 600_000;

const LONGEST_ANSWER_MS = 5000;
const MOST_BYTES = 1 << 20;

/** `proxyOf` names the proxy for an address. */
export function keySourceOf(
  location: KeyLocation,
  proxyOf: (url: URL) => URL | undefined = () => undefined,
): KeySource {
  if (location.kind === "file") return { read: () => readFile(location.path, "utf8"), freshMs: FILE_FRESH_MS };
  const { url } = location;
  const dispatcher = createConnectionPool(url, LONGEST_ANSWER_MS, proxyOf(url));
  return { read: () => download(url, dispatcher), freshMs: URL_FRESH_MS };
}

/** Parses the keys. Throws an Error that says what is wrong with the text. */
export function keysOf(text: string): JSONWebKeySet {
  const set: unknown = jsonOf(text);
  const keys: unknown = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
  if (!Array.isArray(keys)) throw new Error('not a JWK Set; expected {"keys": [...]}');
  for (const key of keys as unknown[]) {
    if (typeof key !== "object" || key === null || Array.isArray(key)) throw new Error("an entry of keys is not a key");
    // With a private key or a shared secret, anybody who can read the set could issue tokens.
    if ("d" in key || "k" in key)
      throw new Error("contains private or shared keys; remove them, only public keys belong there");
  }
  return set as JSONWebKeySet;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("not JSON; expected a JWK Set");
  }
}

async function download(url: URL, dispatcher: Dispatcher): Promise<string> {
  const signal = AbortSignal.timeout(LONGEST_ANSWER_MS);
  const headers = { accept: "application/jwk-set+json, application/json" };
  // A redirect could replace the keys, so it is not followed.
  const response = await fetch(url, { headers, redirect: "error", signal, dispatcher }).catch((error: Error) => {
    throw new Error(causeOf(error));
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`the issuer answered with status ${response.status}`);
  }
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`too large (limit ${MOST_BYTES} bytes)`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The actual cause; fetch itself reports only that it failed. */
function causeOf(error: Error): string {
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
