// The time that an idle gateway adds to a call. Alternates between a direct call by the gateway's
// own upstream client, a request through the gateway, one to a grpc-js server that does nothing,
// and one through each peer, against an upstream that answers at once. The gateway and our client
// have been busy before, so that their code is compiled as in a process that has run for a while.
import { systemClock } from "../../src/base/clock.js";
import { createUpstream } from "../../src/upstream/client.js";
import { createCredentials } from "../../src/upstream/credentials.js";
import { provide } from "../../test/support/debian.js";
import { createCaller } from "../../test/support/grpc-caller.js";
import { startRedis } from "../../test/support/redis.js";
import type { Measured } from "../goal.js";
import { load } from "../load.js";
import { median, quantile } from "../median.js";
import { officialSdk } from "../peers/official-sdk.js";
import type { Peer } from "../peers/peer.js";
import { factsOf, PEER_NAMES } from "../peers/peers.js";
import { startBareServer, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

const ROUNDS = 50;
const ROUNDS_SHORT = 30;
const WARM_UP = 10;

/** Warm-up before the measurement. */
const BUSY_MS = 4000;
const BUSY_CALLS = 500;

/** Longer than the pacing, so that each request finds everything idle. */
const PAUSE_MS = 110;

/** Keys of the emulator. */
const KEYS = { ALIBABA_CLOUD_ACCESS_KEY_ID: "testid", ALIBABA_CLOUD_ACCESS_KEY_SECRET: "testsecret" };

/** All of gRPC, and nothing else. */
const BARE = "bare grpc-js";
const SCOPE = { productKey: "a1Bench", firmwareId: "Bench030100", jobId: "", iotInstanceId: "" };

export interface IdleFigures {
  readonly addedMs: readonly { readonly who: string; readonly median: number; readonly p95: number }[];
}

export async function idleLatency(isShort: boolean): Promise<Measured<IdleFigures>> {
  const redis = !isShort && provide("redis") ? await startRedis() : undefined;
  // On an account of its own, each would use a third of the quota; here all share one upstream.
  const upstream = await startUpstream(...TAKES_ALL, "--quota", "1000");
  const gateway = await startGateway(upstream, { OTA_QUOTA_CALLS_PER_SECOND: "50" });
  const bare = await startBareServer();
  const client = createCaller(gateway.grpc);
  const bareClient = createCaller(bare.grpc);
  const credentials = createCredentials({ clock: systemClock, env: KEYS });
  const own = createUpstream({ url: upstream.url, timeoutMs: 10_000, credentials, clock: systemClock });
  const deviceNames = ["device-1"];
  const cancelTasks = officialSdk(upstream.url);

  const ways = new Map<string, () => Promise<unknown>>([
    ["direct", () => own.cancelTasks({ scope: SCOPE, deviceNames }, systemClock.now())],
    ["ota-gateway", () => client.cancel(deviceNames, SCOPE).answer],
    [BARE, () => bareClient.cancel(deviceNames, SCOPE).answer],
    ["official SDK", () => cancelTasks(deviceNames)],
  ]);
  const peers: Peer[] = [];
  for (const name of PEER_NAMES) {
    if (!redis || name === "direct") continue; // --check leaves the peers out
    const peer = factsOf(name).create({ cancelTasks, redisUrl: redis.url, isShared: false });
    peers.push(peer);
    ways.set(factsOf(name).title, () => peer.cancel("device-1"));
  }
  await load(gateway, { forMs: BUSY_MS });
  await load(bare, { forMs: BUSY_MS });
  for (let n = 0; n < BUSY_CALLS; n++) await ways.get("direct")?.();
  const times = new Map([...ways.keys()].map((who) => [who, [] as number[]]));
  for (let round = 0; round < (isShort ? ROUNDS_SHORT : ROUNDS); round++) {
    for (const [who, cancel] of ways) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      const startMs = performance.now();
      await cancel();
      if (round >= WARM_UP) times.get(who)?.push(performance.now() - startMs);
    }
  }
  await Promise.all(peers.map((peer) => peer.close?.()));
  client.close();
  bareClient.close();
  await bare.stop();
  await own.close();
  await gateway.stop();
  upstream.stop();
  const at = (who: string, fraction: number) => quantile(times.get(who) ?? [], fraction);
  // A peer adds to a call of the official SDK, the gateway to one of its own client, and a bare
  // server to none.
  const addedMs = [...ways.keys()].slice(1).map((who) => {
    const base = who === "ota-gateway" || who === "official SDK" ? "direct" : "official SDK";
    const baseMs = who === BARE ? 0 : at(base, 0.5);
    return { who, median: median(times.get(who) ?? []) - baseMs, p95: at(who, 0.95) - baseMs };
  });
  const beyondMs = at("ota-gateway", 0.5) - at("direct", 0.5) - at(BARE, 0.5);
  return {
    goals: [
      ...addedMs.map(({ who, median: value }) =>
        who === "ota-gateway"
          ? { name: "idle: ms that the gateway adds at the median", value, most: isShort ? 4 : 2 }
          : { name: `idle, ${who}: ms ${who === BARE ? "that it takes" : "added"} at the median`, value },
      ),
      // A limit that a busy machine does not reach: gRPC itself took 2 to 3 ms.
      {
        name: "idle: of that, ms more than a bare grpc-js server takes",
        value: beyondMs,
        ...(isShort ? { most: 2 } : {}),
      },
    ],
    figures: { addedMs },
  };
}
