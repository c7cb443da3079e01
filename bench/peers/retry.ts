// Retries when the upstream throttles, as async-retry and p-retry do by default: after 1 s, then
// twice as long each time, randomized so that callers do not fall into step. Gives up after five
// retries.

const RETRIES = 5;
const FIRST_MS = 1000;

function isThrottled(error: unknown): boolean {
  return String((error as { code?: unknown }).code).startsWith("Throttling");
}

/**
 * How long to wait before the next retry; undefined to give up. `retries`: the number of retries so
 * far.
 */
export function retryAfterMs(error: unknown, retries: number): number | undefined {
  return isThrottled(error) && retries < RETRIES ? FIRST_MS * 2 ** retries * (1 + Math.random()) : undefined;
}

export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries++) {
    try {
      return await work();
    } catch (error) {
      const waitMs = retryAfterMs(error, retries);
      if (waitMs === undefined) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
