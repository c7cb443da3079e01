// Ends a call on its socket as the account decided: with an answer, late, in pieces, or not at all.
import type { ServerResponse } from "node:http";
import type { Ending } from "./account.js";
import { encode, type Format } from "./protocol/answer.js";

/** A slow body is sent in this many pieces, so that the client sees it trickle. */
const PIECES = 8;

export interface Stage {
  readonly response: ServerResponse;
  readonly format: Format;
  /** The server's wall clock, for the Date header. */
  readonly epochMs: number;
  /** Rejects if the emulator closes first. */
  readonly pause: (ms: number) => Promise<void>;
  /** Called when an answer has been written. */
  readonly written: () => void;
}

export async function play(ending: Ending, { response, format, epochMs, pause, written }: Stage): Promise<void> {
  switch (ending.kind) {
    case "answer": {
      const { status, headers } = ending.answer;
      const { contentType, body } = encode(ending.answer, format);
      const date = new Date(epochMs).toUTCString();
      const length = { "content-length": Buffer.byteLength(body) };
      response.writeHead(status, { "content-type": contentType, ...length, date, ...headers });
      if (ending.bodyMs > 0) await trickle(response, body, () => pause(ending.bodyMs / PIECES));
      response.end(ending.bodyMs > 0 ? "" : body, written);
      return;
    }
    case "bad-gateway":
      response.writeHead(502, { "content-type": "text/html" }).end("<html><h1>502 Bad Gateway</h1></html>\n");
      return;
    case "reset":
      response.destroy();
      return;
    case "hang":
      return;
  }
}

async function trickle(response: ServerResponse, body: string, rest: () => Promise<void>): Promise<void> {
  const bytes = Buffer.from(body);
  const size = Math.ceil(bytes.length / PIECES);
  for (let first = 0; first < bytes.length; first += size) {
    response.write(bytes.subarray(first, first + size));
    await rest();
  }
}
