// Decodes a list of devices. Spreadsheets write UTF-8 with a byte order mark, UTF-16, or the
// encoding of their country. Device names are ASCII, so it matters only that names and separators
// come out right, and the words above the columns.
import { TextDecoder } from "node:util";

/** Enough to see a byte order mark, and which bytes of UTF-16 are zero. */
const ENOUGH_BYTES = 4;

/** Yields the text without a byte order mark. `told` gets the encoding, before the text. */
export async function* decodedText(
  bytes: AsyncIterable<Uint8Array>,
  told: (encoding: string) => void,
): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let begun: Uint8Array = new Uint8Array();
  for await (const piece of bytes) {
    if (!decoder) {
      begun = begun.length > 0 ? Buffer.concat([begun, piece]) : piece;
      if (begun.length < ENOUGH_BYTES) continue;
      decoder = decoderFor(begun, told);
      yield decoder.decode(begun, { stream: true });
    } else {
      yield decoder.decode(piece, { stream: true });
    }
  }
  yield decoder ? decoder.decode() : decoderFor(begun, told).decode(begun);
}

function decoderFor(begun: Uint8Array, told: (encoding: string) => void): TextDecoder {
  const decoder = new TextDecoder(encodingOf(begun));
  told(decoder.encoding);
  return decoder;
}

function encodingOf(bytes: Uint8Array): string {
  const [first = 1, second = 1] = bytes;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  return isUtf8(bytes) ? "utf-8" : "gb18030"; // of Chinese spreadsheets; bytes of ASCII stay what they are
}

/** A character may be cut off at the end. */
function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
