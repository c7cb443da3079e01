// What the gateway's modules need of a log. Lines carry no device name and no secret: whoever logs
// passes only what may be seen.

/** One line: fields first, then a message that is the same every time. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
