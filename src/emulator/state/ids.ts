// Makes ids in the upstream's shapes from row numbers, and reads the numbers back. So a million
// tasks have ids without storing one, and the same row has the same id in every run.
import { seededRandom } from "../random.js";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** How an id of each kind ends, as in the documented samples. */
const ENDINGS = { firmware: "030100", job: "020200", task: "010200", device: "0010c60100" } as const;
type IdKind = keyof typeof ENDINGS;

const NOISE_LENGTH = 14;
/** Enough for 62⁶ rows. */
const ROW_LENGTH = 6;

export function idOf(kind: IdKind, row: number): string {
  let digits = "";
  for (let rest = row; digits.length < ROW_LENGTH; rest = Math.floor(rest / ALPHABET.length)) {
    digits = ALPHABET[rest % ALPHABET.length] + digits;
  }
  return noise(kind, row, NOISE_LENGTH) + digits + ENDINGS[kind];
}

/** The row of an id; undefined if it has another shape. The row need not exist. */
export function rowOf(kind: IdKind, id: string): number | undefined {
  let row = 0;
  for (const digit of id.slice(NOISE_LENGTH, NOISE_LENGTH + ROW_LENGTH)) {
    row = row * ALPHABET.length + ALPHABET.indexOf(digit);
  }
  return idOf(kind, row) === id ? row : undefined;
}

/** The key of the product with this number: `a1` and nine more characters, as in the samples. */
export function productKeyOf(number: number): string {
  return `a1${noise("product-key", number, 9)}`;
}

export function productSecretOf(number: number): string {
  return noise("product-secret", number, 16);
}

export function deviceSecretOf(row: number): string {
  return noise("device-secret", row, 32);
}

/** The name of a device that was registered without one. */
export function deviceNameOf(row: number): string {
  return noise("device-name", row, 20);
}

/** Letters and digits that look random and never change. */
function noise(kind: string, row: number, length: number): string {
  let seed = row;
  for (const letter of kind) seed = Math.imul(seed, 31) + letter.charCodeAt(0);
  const random = seededRandom(seed);
  return Array.from({ length }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join("");
}
