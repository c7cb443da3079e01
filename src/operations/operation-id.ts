// Ids of operations: ULIDs, 26 characters of Crockford's base 32 that sort by time.
import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

const ID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function newOperationId(wallMs: number): string {
  let time = "";
  for (let left = wallMs, at = 0; at < TIME_CHARACTERS; at++, left = Math.floor(left / 32))
    time = ALPHABET[left % 32] + time;
  return time + [...randomBytes(RANDOM_CHARACTERS)].map((byte) => ALPHABET[byte % 32]).join("");
}

export function isOperationId(text: string): boolean {
  return ID_PATTERN.test(text);
}
