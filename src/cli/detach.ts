// `cancel --detach`: stores the list at the gateway and prints the name of its operation. Nothing
// is stored if a line is no device name.
import { visible } from "../base/visible-text.js";
import { type CancelScope, type Client, OtaError } from "../client/client.js";
import type { NameLine } from "./cancel/name-line.js";
import { NameList } from "./cancel/name-list.js";
import { errorText } from "./gateway-advice.js";
import { jsonLine } from "./terminal/json.js";
import { timeFlagMs } from "./time-flag.js";

export interface DetachOptions {
  readonly client: Client;
  readonly scope: CancelScope;
  readonly lines: AsyncIterable<NameLine>;
  readonly flags: {
    readonly address: string;
    readonly requestId?: string;
    readonly timeToLive?: string;
    readonly json?: true;
  };
  readonly misuse: (message: string) => never;
}

/** Returns the exit code. */
export async function detach({ client, scope, lines, flags, misuse }: DetachOptions): Promise<number> {
  const { requestId, timeToLive, json } = flags;
  const timeToLiveMs = timeFlagMs("--time-to-live", timeToLive, misuse);
  const list = new NameList(new Set(), ({ line, unit = "line", message }) =>
    misuse(`${unit} ${line} ${message}; nothing was stored`),
  );
  const names: string[] = [];
  for await (const name of list.taken(lines)) names.push(name); // all of it: a bad line stores nothing
  try {
    const spec = { ...scope, ...(requestId && { requestId }), ...(timeToLiveMs !== undefined && { timeToLiveMs }) };
    const { name } = await client.submit(names, spec);
    process.stdout.write(json ? jsonLine({ name }) : `${visible(name)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof OtaError)) throw error;
    process.stderr.write(errorText(error, flags));
    return 1;
  }
}
