// Ten unknown devices among 20,000: the upstream refuses a whole call for one of them. Measures
// which callers are answered that their device failed, and the cost in calls.
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { cancelEach } from "../crowd.js";
import type { Measured } from "../goal.js";
import { CALLS_PER_SECOND } from "../peers/peer.js";
import { factsOf } from "../peers/peers.js";
import { NETWORK, runServices, startGateway, startUpstream } from "../processes.js";

const DEVICES = 20_000;
const UNKNOWN = 10;
const CALLERS = 50;

/**
 * Finding one bad device among 200 takes about sixteen calls; without bad devices there are 101.
 */
const MOST_CALLS = 101 + UNKNOWN * 20;

export interface PoisonFigures {
  readonly outcomes: readonly {
    readonly who: string;
    /** Good devices whose callers were answered that they failed. */
    readonly wronglyFailed: number;
    readonly canceled: number;
    readonly calls: number;
    readonly spanMs: number;
  }[];
}

export async function poison(): Promise<Measured<PoisonFigures>> {
  const peer = factsOf("dataloader").title;
  const [ours, theirs] = await Promise.all([throughUs(), throughDataLoader()]);
  return {
    goals: [
      { name: "poison: good devices told to have failed", value: ours.wronglyFailed, most: 0 },
      { name: "poison: devices canceled", value: ours.canceled, least: DEVICES },
      { name: "poison: unknown devices told apart", value: ours.rejected, least: UNKNOWN },
      { name: "poison: calls", value: ours.calls, most: MOST_CALLS },
      { name: "poison: most arrivals in a second", value: ours.worstSecond, most: CALLS_PER_SECOND },
      { name: `poison, ${peer}: good devices told to have failed`, value: theirs.wronglyFailed },
      { name: `poison, ${peer}: most arrivals in a second`, value: theirs.worstSecond },
    ],
    figures: { outcomes: [ours, theirs] },
  };
}

/**
 * Unknown devices are scattered among the others, each from another caller; their numbers follow
 * the existing ones.
 */
function namesOf(): string[] {
  const names = Array.from({ length: DEVICES }, (_, n) => seededName(n));
  for (let n = 0; n < UNKNOWN; n++) {
    names.splice(Math.floor(((n + 0.5) * DEVICES) / UNKNOWN) + n * 3, 0, seededName(DEVICES + n));
  }
  return names;
}

async function throughUs() {
  const upstream = await startUpstream(...NETWORK, "--devices", String(DEVICES));
  const gateway = await startGateway(upstream);
  const names = namesOf();
  const answers = await cancelEach(gateway, names);
  const { devicesCanceled: canceled, arrivals: calls, spanMs, worstSecond } = await upstream.counts();
  await gateway.stop();
  upstream.stop();
  const isKnown = (n: number) => (names[n] as string) < seededName(DEVICES);
  const failed = answers.map((answer) => !answer?.success); // an rpc whose only device failed is an error
  const wronglyFailed = failed.filter((each, n) => each && isKnown(n)).length;
  const rejected = failed.filter((each, n) => each && !isKnown(n)).length;
  return { who: "ota-gateway", wronglyFailed, rejected, canceled, calls, spanMs, worstSecond };
}

/**
 * The only peer that puts devices of several callers into a call. Its callers run one after the
 * other.
 */
async function throughDataLoader() {
  const upstream = await startUpstream(...NETWORK, "--devices", String(DEVICES));
  const indexes = namesOf().map((name) => Number(name.split("-").at(-1)));
  const [told] = await runServices([
    {
      ...{ peer: "dataloader", url: upstream.url.origin, redisUrl: "", isShared: false },
      ...{ callers: CALLERS, indexes, withinMs: 60_000 },
    },
  ]);
  const { devicesCanceled: canceled, arrivals: calls, spanMs, worstSecond } = await upstream.counts();
  upstream.stop();
  const wronglyFailed = (told?.failed ?? 0) - UNKNOWN;
  return { who: factsOf("dataloader").title, wronglyFailed, canceled, calls, spanMs, worstSecond };
}
