// A small caller beside a huge one: how long single devices wait while somebody else has 100,000 waiting.
import { connect } from "../src/client/client.js";
import type { Goal } from "./goal.js";
import { median, quantile } from "./median.js";
import { startGateway, startUpstream } from "./processes.js";

const HUGE_DEVICES = 100_000;
const DEVICES_PER_REQUEST = 10_000;
const SINGLES = 100;

export async function bystander(): Promise<Goal[]> {
  const upstream = await startUpstream(20, 20);
  const gateway = await startGateway(upstream);
  const [huge, small] = ["huge", "small"].map((caller) => connect(gateway.grpc, { caller }));
  if (!huge || !small) throw new Error("no clients");
  const request = { productKey: "a1Bench", firmwareId: "Bench030100" };
  const waiting = Array.from({ length: HUGE_DEVICES / DEVICES_PER_REQUEST }, (_, n) => {
    const deviceNames = Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => `huge-${n * DEVICES_PER_REQUEST + m}`);
    return huge.cancelTasksByDevice({ ...request, deviceNames });
  });
  for (const each of waiting) each.catch(() => {}); // ended below, long before it is done

  const times: Record<string, number[]> = { "the same scope": [], "a scope of its own": [] };
  for (let n = 0; n < SINGLES; n++) {
    for (const [name, list] of Object.entries(times)) {
      const productKey = name === "the same scope" ? request.productKey : "a1Other";
      await new Promise((resolve) => setTimeout(resolve, 37 + Math.random() * 100));
      const startMs = performance.now();
      await small.cancelTasksByDevice({ ...request, productKey, deviceNames: [`small-${n}`] });
      list.push(performance.now() - startMs);
    }
  }
  const { worstSecond } = await upstream.counts();
  huge.close();
  small.close();
  process.kill(gateway.pid, "SIGKILL"); // what waits would take minutes
  upstream.stop();
  return [
    ...Object.entries(times).flatMap(([name, list]) => [
      { name: `bystander in ${name}: ms, median`, value: median(list), most: 150 },
      { name: `bystander in ${name}: ms, 95th percentile`, value: quantile(list, 0.95), most: 220 },
      { name: `bystander in ${name}: ms, longest`, value: Math.max(...list), most: 400 },
    ]),
    { name: "bystander: most arrivals in a second", value: worstSecond, most: 10 },
  ];
}
