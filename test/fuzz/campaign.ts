// Hostile bytes against a running gateway, wave by wave, and whatever is wrong with it after: it has to live, to
// serve everybody else, to answer each rpc properly, and to send nothing that nobody validly asked for.
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { CancelTasksByDeviceResponse, StreamCancelTasksByDeviceResponse } from "../../src/gen/ota/v1/ota_service.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import { INSPECTABLE, INSPECTOR_LINE, type Inspector, inspect } from "../support/inspected.js";
import { type GatewayProgram, runGateway } from "../support/processes.js";
import { BROKEN_HTTP } from "./broken-http.js";
import { BROKEN_RPCS } from "./broken-rpcs.js";
import { BROKEN_WIRE } from "./broken-wire.js";
import { createChance } from "./chance.js";
import { inStream, mutated, randomMessage, validRequest } from "./hostile-messages.js";
import { framed, type RawAnswer, type RawRpc, rawAnswers } from "./raw-rpcs.js";

const CANCEL = "ota.v1.OtaService/CancelTasksByDevice";
const STREAM = "ota.v1.OtaService/StreamCancelTasksByDevice";
const GET_QUOTA = "ota.v1.OtaService/GetQuota";
const METHODS = [
  CANCEL,
  STREAM,
  GET_QUOTA,
  "grpc.health.v1.Health/Check",
  "grpc.health.v1.Health/List",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
] as const;

/** All but UNKNOWN and INTERNAL, of which nothing here may be the cause. */
const PROPER: ReadonlySet<number | undefined> = new Set([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16]);

/** How long somebody else may wait for an answer: the whole of a wave on a machine with ten times its work. */
const PROMPT_MS = 20_000;

/** How often each method was answered with each status, as in `GetQuota 3`. */
export type Tally = Readonly<Record<string, number>>;

export interface Campaign {
  /** Connections to the gRPC port that break HTTP/2, each kind so often. */
  brokenWire(times: number): Promise<void>;
  /** Connections to the admin port that break HTTP, likewise. */
  brokenHttp(times: number): Promise<void>;
  /** Rpcs that break gRPC, each once. */
  brokenRpcs(): Promise<void>;
  /** Rpcs whose messages are random bytes. */
  randomMessages(count: number): Promise<Tally>;
  /** Rpcs whose messages are valid requests with something wrong in them. */
  mutatedRequests(count: number): Promise<Tally>;
  /** Whatever has gone wrong since it was last asked. */
  complaints(): Promise<string[]>;
  /** The connections that the gateway holds. */
  sockets(): Promise<number>;
  /** The memory that it holds after a full collection. */
  memoryMiB(): Promise<number>;
  close(): Promise<void>;
}

export async function startCampaign(seed: number): Promise<Campaign> {
  const chance = createChance(seed);
  const upstream = await startHttpUpstream(() => ({}));
  const gateway = await runGateway(upstream.url, {
    ...INSPECTABLE,
    OTA_LOG_LEVEL: "debug",
    OTA_QUOTA_CALLS_PER_SECOND: "1000", // what is validly asked for all the same must not wait
  });
  await gateway.opened();
  const wrong: string[] = [];
  let linesRead = 0;
  let callsTold = 0;

  const tallied = async (rpcs: readonly RawRpc[]): Promise<Tally> => {
    const tally: Record<string, number> = {};
    for (const [n, answer] of (await rawAnswers(gateway.grpc, rpcs)).entries()) {
      const { method, body } = rpcs[n] as RawRpc;
      const status = `${method.replace(/.*\//, "")} ${answer.grpcStatus}`;
      tally[status] = (tally[status] ?? 0) + 1;
      callsTold += callsIn(method, answer);
      if (!PROPER.has(answer.grpcStatus)) wrong.push(`${status}, asked with ${body.toString("hex").slice(0, 2000)}`);
    }
    return tally;
  };
  const newLines = () => {
    const lines = gateway.stderr.split("\n").slice(linesRead, -1); // the last one may not be whole yet
    linesRead += lines.length;
    return lines;
  };
  const inspected = async <T>(ask: (inspector: Inspector) => Promise<T>): Promise<T> => {
    const inspector = await inspect(gateway);
    return ask(inspector).finally(inspector.close);
  };
  const rpcsOf = (count: number, rpc: (n: number) => RawRpc) => Array.from({ length: count }, (_, n) => rpc(n));

  return {
    async brokenWire(times) {
      for (let n = 0; n < times; n++) {
        const kinds = Object.values(BROKEN_WIRE);
        await Promise.all(kinds.map((pieces) => writeBroken(gateway.grpc, pieces(chance), chance.below(2) === 0)));
      }
    },
    async brokenHttp(times) {
      for (let n = 0; n < times; n++) {
        const kinds = Object.values(BROKEN_HTTP);
        const address = gateway.admin.replace("http://", "");
        await Promise.all(kinds.map((pieces) => writeBroken(address, pieces(chance), chance.below(2) === 0)));
      }
    },
    async brokenRpcs() {
      const named = Object.entries(BROKEN_RPCS);
      const rpcs = named.map(([, rpc]) => ({ method: GET_QUOTA, ...rpc }));
      for (const [n, { httpStatus, grpcStatus, grpcMessage }] of (await rawAnswers(gateway.grpc, rpcs)).entries()) {
        const [what, expected] = named[n] as (typeof named)[number];
        const isRight = expected.status
          ? expected.status.includes(grpcStatus ?? -1)
          : httpStatus === expected.httpStatus;
        if (!isRight) wrong.push(`${what}: HTTP ${httpStatus}, gRPC ${grpcStatus} ${grpcMessage}`);
      }
    },
    randomMessages: (count) =>
      tallied(
        rpcsOf(count, (n) => ({ method: METHODS[n % METHODS.length] as string, body: framed(randomMessage(chance)) })),
      ),
    mutatedRequests: (count) =>
      tallied(
        rpcsOf(count, (n) => {
          const request = validRequest(chance, n);
          if (n % 2 === 0) return { method: CANCEL, body: framed(mutated(request, chance)) };
          const isInside = chance.below(2) === 0;
          const message = isInside ? inStream(mutated(request, chance), n) : mutated(inStream(request, n), chance);
          return { method: STREAM, body: framed(message) };
        }),
      ),
    async complaints() {
      const isServing = await Promise.race([
        gateway.ended.then(() => false),
        wait(PROMPT_MS, false, { ref: false }),
        isWell(gateway).catch(() => false),
      ]);
      const arrived = upstream.calls.length;
      return [
        ...(isServing ? [] : ["it does not serve others"]),
        ...(arrived > callsTold ? [`${arrived} calls were sent, and answers tell of ${callsTold}`] : []),
        ...wrong.splice(0),
        ...newLines().flatMap(complaintAbout),
      ];
    },
    sockets: () => inspected(async (inspector) => (await inspector.handles())["TCPSocketWrap"] ?? 0),
    memoryMiB: () =>
      inspected(async (inspector) => {
        const { heapMiB, buffersMiB } = await inspector.memory();
        return heapMiB + buffersMiB;
      }),
    async close() {
      gateway.kill("SIGKILL");
      await gateway.ended;
      await upstream.close();
    },
  };
}

/** What a broken connection is given to say before it is cut. */
const PATIENCE_MS = 200;

/** Writes all of it, then waits or goes at once; not to read is one more way to be hostile. */
async function writeBroken(address: string, pieces: readonly Buffer[], isPatient: boolean): Promise<void> {
  const [host = "", port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {}); // it may be cut off at any time, and that is right
  if (isPatient) socket.resume();
  for (const piece of pieces) {
    socket.write(piece);
    await wait(1); // in segments of their own
  }
  await wait(isPatient ? PATIENCE_MS : 20);
  socket.destroy();
}

/** Whether somebody who does nothing wrong is served. */
async function isWell(gateway: GatewayProgram): Promise<boolean> {
  // On a connection of its own: an idle one may just be closed to make room for the broken ones.
  const { status } = await fetch(`${gateway.admin}/livez`, { headers: { connection: "close" } });
  const [quota] = await rawAnswers(gateway.grpc, [{ method: GET_QUOTA, body: framed(Buffer.alloc(0)) }]);
  return status === 200 && quota?.grpcStatus === 0;
}

function complaintAbout(line: string): string[] {
  if (line === "" || INSPECTOR_LINE.test(line)) return [];
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(line)) return [`a line that is more than it seems: ${JSON.stringify(line)}`];
  try {
    const { level } = JSON.parse(line) as { level: string };
    return level === "error" || level === "fatal" ? [line] : [];
  } catch {
    return [`a line that is no JSON: ${line}`];
  }
}

/** The upstream calls that an answer tells of. */
function callsIn(method: string, { messages }: RawAnswer): number {
  if (method !== CANCEL && method !== STREAM) return 0;
  let calls = 0;
  for (const message of messages) {
    if (method === CANCEL) calls += CancelTasksByDeviceResponse.decode(message).calls.length;
    else {
      const { event } = StreamCancelTasksByDeviceResponse.decode(message);
      const result = event?.$case === "answer" ? event.answer.result : undefined;
      if (result?.$case === "response") calls += result.response.calls.length;
    }
  }
  return calls;
}
