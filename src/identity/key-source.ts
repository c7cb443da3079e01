// Where the issuer's public keys are read: from a file, or from its address. What is read is a JWK Set, or it
// fails and says why, in words that hold nothing of it.
import { readFile } from "node:fs/promises";
import type { JSONWebKeySet } from "jose";

/** Where a JWK Set is. */
export type KeyLocation =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "url"; readonly url: URL };

export interface KeySource {
  /** The same text is the same keys. Rejects with an Error whose message the operator can act on. */
  read(): Promise<string>;
  /** What has been read is read again after so long. */
  readonly freshMs: number;
}

/** A file costs next to nothing to read. Its keys are withdrawn within ten seconds: this, and some room. */
const FILE_FRESH_MS = 5000;
const URL_FRESH_MS = 600_000;

const LONGEST_ANSWER_MS = 5000;
const MOST_BYTES = 1 << 20;

export function keySourceOf(location: KeyLocation): KeySource {
  if (location.kind === "file") return { read: () => readFile(location.path, "utf8"), freshMs: FILE_FRESH_MS };
  return { read: () => download(location.url), freshMs: URL_FRESH_MS };
}

/** The keys of a text. Throws an Error that says what is wrong with it. */
export function keysOf(text: string): JSONWebKeySet {
  const set: unknown = jsonOf(text);
  const keys: unknown = typeof set === "object" && set !== null && "keys" in set ? set.keys : undefined;
  if (!Array.isArray(keys)) throw new Error('it is no JWK Set, like {"keys": [...]}');
  for (const key of keys as Record<string, unknown>[]) {
    // Whoever can read a private key can be anybody, and the same goes for a shared secret.
    if ("d" in key || "k" in key) throw new Error("it holds private or shared keys; only public ones belong there");
  }
  return set as JSONWebKeySet;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it is no JSON");
  }
}

async function download(url: URL): Promise<string> {
  const signal = AbortSignal.timeout(LONGEST_ANSWER_MS);
  const headers = { accept: "application/jwk-set+json, application/json" };
  // Whoever could redirect it could say which keys hold.
  const response = await fetch(url, { headers, redirect: "error", signal }).catch((error: Error) => {
    throw new Error(causeOf(error));
  });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`it answered with status ${response.status}`);
  }
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error(`it is over ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** fetch says no more than that it failed. */
function causeOf(error: Error): string {
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}
