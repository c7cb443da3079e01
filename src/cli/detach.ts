// `cancel --detach`: stores the list at the gateway and prints the name of its operation. Nothing
// is stored if a line is no device name.
import { visible } from "../base/visible-text.js";
import { type CancelScope, type Client, OtaError } from "../client/client.js";
import { placeOf } from "./cancel/invalid-lines.js";
import { type NameLine, UnreadableNames } from "./cancel/name-line.js";
import { NameList } from "./cancel/name-list.js";
import { errorText } from "./gateway-advice.js";
import { jsonLine } from "./terminal/json.js";
import { timeFlagMs } from "./time-flag.js";

export interface DetachOptions {
  readonly client: Client;
  readonly scope: CancelScope;
  readonly lines: AsyncIterable<NameLine>;
  /** Where the names come from, for messages. */
  readonly source: string;
  readonly flags: {
    readonly address: string;
    readonly requestId?: string;
    readonly timeToLive?: string;
    readonly json?: true;
  };
  readonly misuse: (message: string) => never;
}

/** Returns the exit code. Throws UnreadableNames if there is no name. */
export async function detach({ client, scope, lines, source, flags, misuse }: DetachOptions): Promise<number> {
  const { requestId, timeToLive, json } = flags;
  const timeToLiveMs = timeFlagMs("--time-to-live", timeToLive, misuse);
  const list = new NameList(new Set(), (invalid) =>
    misuse(`${placeOf(invalid)} ${visible(invalid.message)}; nothing was stored`),
  );
  const names: string[] = [];
  for await (const name of list.taken(lines)) names.push(name); // all of it: a bad line stores nothing
  if (list.isEmpty) throw new UnreadableNames(`${source} names no device`);
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
