// Generates a file while sending it, at the pace of the client, and yields between chunks so that
// the gateway's own work is never delayed.
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

/** Small chunks are sent together, up to about this size. */
const PIECE_CHARACTERS = 16_384;

/** A connection without progress for this long is closed. */
const PATIENCE_MS = 30_000;

/**
 * Sends everything, or stops when the client leaves. Rejects if generating the file fails; the
 * client then sees a broken connection.
 */
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
    await setImmediate(); // a fast client never makes us wait, and upstream calls must go on
  }
  if (piece) yield piece;
}
