// Lists the peers that the gateway is compared with, each written as its users would write it from
// its README.
import { minTime, reservoir } from "./bottleneck.js";
import { bullmq } from "./bullmq.js";
import { dataloader } from "./dataloader.js";
import { direct } from "./direct.js";
import { throttled } from "./p-throttle.js";
import type { CreatePeer } from "./peer.js";
import { rateLimiterFlexible } from "./rate-limiter-flexible.js";

interface PeerFacts {
  readonly title: string;
  readonly create: CreatePeer;
  /** Callers send one device after the other; otherwise all at once, and a queue paces them. */
  readonly inTurn?: true;
  readonly needsRedis?: true;
  /** Processes that share the account can share the limiter. */
  readonly canShare?: true;
  /** Several devices share a call. */
  readonly fillsCalls?: true;
}

export const PEERS = {
  direct: { title: "official SDK", create: direct, inTurn: true },
  reservoir: { title: "Bottleneck reservoir", create: reservoir, canShare: true },
  minTime: { title: "Bottleneck minTime", create: minTime, canShare: true },
  rateLimiterFlexible: { title: "rate-limiter-flexible", create: rateLimiterFlexible, canShare: true },
  pThrottle: { title: "p-throttle", create: throttled },
  bullmq: { title: "BullMQ", create: bullmq, needsRedis: true, canShare: true },
  dataloader: { title: "DataLoader + minTime", create: dataloader, canShare: true, fillsCalls: true },
} satisfies Record<string, PeerFacts>;

export type PeerName = keyof typeof PEERS;

export const PEER_NAMES = Object.keys(PEERS) as PeerName[];

export function factsOf(name: PeerName): PeerFacts {
  return PEERS[name];
}
