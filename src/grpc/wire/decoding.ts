// Bytes that are no message of their method reach its handler all the same. grpc-js would answer them by
// itself, and nobody would hear of it: no line in the log, no span, no ErrorInfo for the caller.
import type { ServiceDefinition } from "@grpc/grpc-js";
import { GatewayError } from "../../gateway/errors.js";
import { type WireError, wireErrorOf } from "./status.js";

/** What a handler is given in place of such a message. */
const UNDECODABLE = Object.freeze({});

/** The same service, whose requests never fail to decode. Its handlers must ask one of the two below first. */
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

/** What to answer if the bytes were no message of the method. */
export function undecoded(message: unknown): WireError | undefined {
  return isDecoded(message) ? undefined : wireErrorOf(notDecoded());
}

function notDecoded(): GatewayError {
  const violations = [{ field: "request", description: "is no message of this method" }];
  return new GatewayError({ kind: "invalid", message: "the request can never work", violations });
}
