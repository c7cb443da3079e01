// Waiting for what the system does in the background, turn by turn of the event loop and without a
// sleep.

/** Resolves once the condition holds; otherwise the test runs into its timeout. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
