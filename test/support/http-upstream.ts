// A minimal upstream that shares nothing with our emulator: it accepts every signature, reads the
// names, notes when a call came, and answers as a test decides.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { madeUpRequestId } from "./request-ids.js";

/** A call as it arrived. */
export interface UpstreamCall {
  readonly deviceNames: readonly string[];
  readonly parameters: ReadonlyMap<string, string>;
  readonly headers: IncomingHttpHeaders;
  /** The RequestId of its answer. */
  readonly requestId: string;
}

/** The answer to a call; undefined for none. */
export interface UpstreamAnswer {
  readonly status?: number;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface HttpUpstream {
  readonly url: string;
  readonly calls: readonly UpstreamCall[];
  close(): Promise<void>;
}

export async function startHttpUpstream(
  answerTo: (call: UpstreamCall) => Promise<UpstreamAnswer | undefined> | UpstreamAnswer | undefined,
): Promise<HttpUpstream> {
  const calls: UpstreamCall[] = [];
  const server = createServer({ maxHeaderSize: 65_536 }, async (request, response) => {
    const parameters = new Map(new URL(request.url ?? "/", "http://upstream").searchParams);
    const deviceNames = [...parameters].flatMap(([key, value]) => (/^DeviceName\.\d+$/.test(key) ? [value] : []));
    const call = { deviceNames, parameters, headers: request.headers, requestId: madeUpRequestId(calls.length) };
    calls.push(call);
    const answer = await answerTo(call);
    if (!answer) return;
    const { status = 200, fields = { Success: true } } = answer;
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ RequestId: call.requestId, ...fields }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
