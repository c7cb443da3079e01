// A file that is made while it is sent: as fast as the client takes it, and never so fast that the gateway
// itself has to wait.
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { SECURITY_HEADERS } from "./answer.js";

export interface Download {
  readonly fileName: string;
  readonly contentType: string;
  readonly chunks: Iterable<string> | AsyncIterable<string>;
}

/** Small chunks are sent together. */
const PIECE_CHARACTERS = 16_384;

/** A connection on which nothing moves for so long is given up. */
const PATIENCE_MS = 30_000;

/** Sends it all, or what the client stays for. Rejects if making it fails: the client sees a broken connection. */
export async function sendDownload(response: ServerResponse, download: Download): Promise<void> {
  const { fileName, contentType, chunks } = download;
  response.writeHead(200, {
    ...SECURITY_HEADERS,
    "content-type": contentType,
    "content-disposition": `attachment; filename="${fileName.replace(/[^\w.-]/g, "_")}"`,
    connection: "close",
  });
  response.setTimeout(PATIENCE_MS, () => response.destroy());
  try {
    await pipeline(Readable.from(inPieces(chunks), { objectMode: false }), response);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}

async function* inPieces(chunks: Download["chunks"]): AsyncGenerator<string> {
  let piece = "";
  for await (const chunk of chunks) {
    piece += chunk;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = "";
    await setImmediate(); // a fast client is written to without a pause: calls have to be sent meanwhile
  }
  if (piece) yield piece;
}
