// Passes bytes that are not a message of their method on to the handler, which answers them.
// grpc-js would answer them by itself, without a line in the log, a span, or an ErrorInfo for the
// caller.
import type { ServiceDefinition } from "@grpc/grpc-js";
import { type GatewayError, invalid } from "../../gateway/failures.js";
import { type WireError, wireErrorOf } from "./status.js";

/** Handlers get this in place of such a message. */
const UNDECODABLE = Object.freeze({});

/** The same service; its requests never fail to decode, and its handlers check them first. */
export function tolerant<Service extends ServiceDefinition>(service: Service): Service {
  const methods = Object.entries(service).map(([name, method]) => {
    const requestDeserialize = (bytes: Buffer): unknown => {
      try {
        return method.requestDeserialize(bytes);
      } catch {
        return UNDECODABLE;
      }
    };
    return [name, { ...method, requestDeserialize }] as const;
  });
  return Object.fromEntries(methods) as unknown as Service;
}

/** Whether the bytes were a message of the method. */
export function isDecoded(message: unknown): boolean {
  return message !== UNDECODABLE;
}

/** Throws GatewayError if they were not. */
export function checkDecoded(message: unknown): void {
  if (!isDecoded(message)) throw notDecoded();
}

/** The error to answer with, if the bytes were not a message of the method. */
export function undecoded(message: unknown): WireError | undefined {
  return isDecoded(message) ? undefined : wireErrorOf(notDecoded());
}

function notDecoded(): GatewayError {
  return invalid("request", "is not a message of this method");
}
