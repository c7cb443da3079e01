// Commands and waiters for tests, with default values for everything that a test does not care
// about.
import type { Command, Scope } from "../../src/gateway/command.js";
import { Waiter } from "../../src/gateway/waiter.js";

export const SCOPE: Scope = { iotInstanceId: "iot-1", productKey: "product", firmwareId: "firmware", jobId: "" };

export function aScope(productKey: string, jobId = ""): Scope {
  return { ...SCOPE, productKey, jobId };
}

/** `dev-0`, `dev-1`, … */
export function names(count: number, first = 0, prefix = "dev-"): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${first + n}`);
}

export function aCommand(command: Partial<Command> = {}): Command {
  return {
    account: "default",
    scope: SCOPE,
    deviceNames: ["dev-0"],
    caller: "caller",
    priority: "normal",
    answerByMs: 60_000,
    requireAll: false,
    verify: false,
    ...command,
  };
}

export function aWaiter(command: Partial<Command> = {}, arrivedMs = 0): Waiter {
  return new Waiter(aCommand(command), arrivedMs);
}
