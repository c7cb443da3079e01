// A cancel or a dry run as the command line gives it: the names, the gateway to send them to, and
// where the results go.
import { nextSignal, nextSignalOrHangup } from "../../base/signals.js";
import type { CancelScope, Client } from "../../client/client.js";
import { type Output, STDOUT } from "./output.js";
import type { Sources } from "./sources.js";

export interface GivenList {
  readonly client: Client;
  readonly scope: CancelScope;
  readonly sources: Sources;
  /** Devices that ended well in an earlier run. */
  readonly before: ReadonlySet<string>;
  readonly output: Output | undefined;
  readonly flags: {
    readonly output?: string;
    readonly resume?: string;
    readonly check?: true;
    readonly json?: true;
  };
  /** The text to print for an error: its cause, and advice. */
  readonly explain: (error: unknown) => string;
}

/** Where the summary goes: standard output, unless the results go there. */
export function summaryScreen({ flags }: GivenList): NodeJS.WriteStream {
  return flags.output === STDOUT ? process.stderr : process.stdout;
}

/**
 * Aborts at the first signal, and closes the source of the names. A second SIGINT or SIGTERM ends
 * the process.
 */
export function stopSignal(closeSources: () => void): AbortSignal {
  const stop = new AbortController();
  void nextSignalOrHangup().then(() => {
    void nextSignal().then(() => process.exit(1));
    stop.abort();
    closeSources();
  });
  return stop.signal;
}
