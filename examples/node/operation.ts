// Starts an operation once, and finds it again after a restart of this program.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { type Client, type OperationHandle, OtaError } from "ota-gateway-client";

const ATTEMPTS = 5;
const START_AGAIN: ReadonlySet<string> = new Set(["UNAVAILABLE", "RESOURCE_EXHAUSTED"]);

/**
 * The operation with this request id: the one that this program stored before it was restarted, or
 * else a new one. If the program dies before it has written the name, the same request id makes the
 * gateway return the same operation.
 */
export async function started(
  client: Client,
  requestId: string,
  start: () => Promise<OperationHandle>,
): Promise<OperationHandle> {
  const file = `${requestId}.operation`;
  if (existsSync(file)) {
    const name = readFileSync(file, "utf8");
    console.log("reattached to", name);
    return client.operation(name);
  }
  for (let attempt = 1; ; attempt++) {
    try {
      const operation = await start();
      writeFileSync(`${file}.new`, operation.name);
      renameSync(`${file}.new`, file); // the whole file or none
      console.log("stored as", operation.name);
      return operation;
    } catch (error) {
      if (!(error instanceof OtaError) || attempt === ATTEMPTS || !canStartAgain(error)) throw error;
      await setTimeout(1000 + (error.retryAfterMs ?? 0));
    }
  }
}

/** Is about requests with a request id, which are carried out once. */
function canStartAgain({ code, reason }: OtaError): boolean {
  return START_AGAIN.has(code) || reason === "SUBMISSION_UNKNOWN";
}
