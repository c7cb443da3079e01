// The emulator as an HTTP server: brings each call through the emulated transit to the account, and plays
// the ending on the socket. Closing cuts everything off at once, calls under way included.
import { once, setMaxListeners } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { sleepUntil } from "../clock.js";
import { Account, type Ending } from "./account.js";
import { encode, type Format } from "./answer.js";
import { Fleet, type FleetCounts } from "./fleet.js";
import { parseListenAddress } from "./listen-address.js";
import { DEFAULTS, type EmulatorOptions } from "./options.js";
import { type CallCounts, Statistics } from "./statistics.js";
import type { TaskState } from "./task-state.js";
import { transit } from "./transit.js";
import { formatOf, readRequest } from "./wire.js";

/** What `GET /__stats` answers. */
export interface Stats extends CallCounts, FleetCounts {}

export interface Emulator {
  /** Such as `http://127.0.0.1:8088`. */
  readonly url: string;
  readonly port: number;
  stats(): Stats;
  /** The state of a device's task; undefined if there is no such device. */
  taskOf(deviceName: string): TaskState | undefined;
  /** Resolves when nothing is left open. */
  close(): Promise<void>;
}

/** 200 names of 32 escaped characters make an address of 21 KB; Node's own limit is 16. */
const MAX_HEADER_BYTES = 65_536;
/** After Node's own 5 s, calls of clients that reuse an idle connection at just that moment would be reset. */
const KEEP_ALIVE_MS = 60_000;

/** Resolves when calls are taken; rejects if the address cannot be listened on. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = { ...DEFAULTS, ...options };
  const { clock, latencyMs, jitterMs, random } = settings;
  const address = parseListenAddress(settings.listen);
  if (!address) throw new TypeError(`not an address to listen on: ${settings.listen}`);
  const fleet = new Fleet(settings);
  const statistics = new Statistics(clock);
  const account = new Account(settings, fleet, statistics);
  const stats = (): Stats => ({ ...statistics.counts(), ...fleet.counts() });
  const closing = new AbortController();
  // One for each travelling call; Node warns of a leak from eleven on.
  setMaxListeners(0, closing.signal);

  async function answerCall(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const reachedMs = clock.now();
    const { outwardMs, backMs } = transit(latencyMs, jitterMs, random);
    const pause = async (ms: number) => {
      if (ms > 0) await sleepUntil(clock, clock.now() + ms, closing.signal);
    };
    const [wireRequest] = await Promise.all([readRequest(request), pause(outwardMs)]);
    const ending = account.receive(wireRequest, outwardMs > 0 ? clock.now() : reachedMs);
    await pause(backMs + (ending.kind === "answer" ? ending.delayMs : 0));
    play(ending, formatOf(wireRequest), response, () => statistics.answered(clock.now() - reachedMs));
  }

  const limits = { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS };
  const server = createServer(limits, (request, response) => {
    if (request.url === "/__stats") return sendStats(response, stats());
    // Whoever went away, or sent too much, gets no answer; and nobody does once the emulator closes.
    answerCall(request, response).catch(() => response.destroy());
  });
  server.listen(address);
  await once(server, "listening");

  const { port, address: host, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${host}]` : host}:${port}`,
    port,
    stats,
    taskOf: (deviceName) => fleet.taskOf(deviceName),
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      closing.abort();
      server.closeAllConnections();
      await closed;
    },
  };
}

function play(ending: Ending, format: Format, response: ServerResponse, written: () => void): void {
  switch (ending.kind) {
    case "answer": {
      const { status, retryAfterMs } = ending.answer;
      const { contentType, body } = encode(ending.answer, format);
      if (retryAfterMs !== undefined) response.setHeader("x-acs-retry-after", retryAfterMs);
      response.writeHead(status, { "content-type": contentType }).end(body, written);
      return;
    }
    case "bad-gateway":
      response.writeHead(502, { "content-type": "text/html" }).end("<html><h1>502 Bad Gateway</h1></html>\n");
      return;
    case "reset":
      response.destroy();
      return;
    case "hang":
      return;
  }
}

function sendStats(response: ServerResponse, stats: Stats): void {
  response.writeHead(200, { "content-type": "application/json" }).end(`${JSON.stringify(stats, null, 2)}\n`);
}
