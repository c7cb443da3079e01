// A small caller beside a huge one: how long single devices wait while another caller has 100,000
// waiting.
import { callerOf } from "../crowd.js";
import type { Measured } from "../goal.js";
import { median, quantile } from "../median.js";
import { NETWORK, startGateway, startUpstream, TAKES_ALL } from "../processes.js";

const HUGE_DEVICES = 100_000;
const DEVICES_PER_REQUEST = 10_000;
const SINGLES = 100;
const SINGLES_SHORT = 25;
const REQUEST = { productKey: "a1Bench", firmwareId: "Bench030100" };

export interface BystanderFigures {
  /** How long each single device waited. */
  readonly waitsMs: readonly number[];
}

export async function bystander(isShort: boolean): Promise<Measured<BystanderFigures>> {
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const gateway = await startGateway(upstream);
  const huge = callerOf(gateway, "huge");
  const small = callerOf(gateway, "small");
  for (let n = 0; n < HUGE_DEVICES; n += DEVICES_PER_REQUEST) {
    const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `huge-${n + m}`);
    huge.cancel(deviceNames, REQUEST); // ended below, long before it is done
  }
  const waits = { "the same scope": [] as number[], "a scope of its own": [] as number[] };
  const scopes = [
    [waits["the same scope"], REQUEST.productKey],
    [waits["a scope of its own"], "a1Other"],
  ] as const;
  for (let n = 0; n < (isShort ? SINGLES_SHORT : SINGLES); n++) {
    for (const [list, productKey] of scopes) {
      await new Promise((resolve) => setTimeout(resolve, 37 + Math.random() * 100));
      const startMs = performance.now();
      await small.cancel([`small-${n}`], { ...REQUEST, productKey }).answer;
      list.push(performance.now() - startMs);
    }
  }
  const { worstSecond } = await upstream.counts();
  huge.close();
  small.close();
  await gateway.stop();
  upstream.stop();
  const room = isShort ? 2 : 1;
  return {
    goals: [
      ...Object.entries(waits).flatMap(([name, list]) => [
        { name: `bystander in ${name}: ms, median`, value: median(list), most: 160 * room },
        { name: `bystander in ${name}: ms, 95th percentile`, value: quantile(list, 0.95), most: 240 * room },
      ]),
      { name: "bystander: most arrivals in a second", value: worstSecond, most: 10 },
    ],
    figures: { waitsMs: Object.values(waits).flat().map(Math.round) },
  };
}
