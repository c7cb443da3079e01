// Stopping a rollout: 20,000 devices in 4,000 requests of 50 callers, over a jittery network. How close
// to the ideal, and never an eleventh arrival.
import { type Client, connect } from "../src/client/client.js";
import type { Goal } from "./goal.js";
import { startGateway, startUpstream } from "./processes.js";

const DEVICES = 20_000;
const DEVICES_PER_REQUEST = 5;
const CALLERS = 50;
const QUOTA = 10;
const DEVICES_PER_CALL = 200;

export async function fullRate(name: string, nameLength: number, mostCalls: number): Promise<Goal[]> {
  const upstream = await startUpstream(20, 40);
  const gateway = await startGateway(upstream);
  const clients = Array.from({ length: CALLERS }, (_, n) => connect(gateway.grpc, { caller: `caller-${n}` }));
  const deviceName = (n: number) => `d${String(n).padStart(nameLength - 1, "0")}`;
  const requests = Array.from({ length: DEVICES / DEVICES_PER_REQUEST }, (_, n) =>
    Array.from({ length: DEVICES_PER_REQUEST }, (_, m) => deviceName(n * DEVICES_PER_REQUEST + m)),
  );
  const answers = await Promise.all(
    requests.map((deviceNames, n) =>
      (clients[n % CALLERS] as Client).cancelTasksByDevice({
        productKey: "a1Bench",
        firmwareId: "Bench030100",
        deviceNames,
      }),
    ),
  );
  const counts = await upstream.counts();
  for (const client of clients) client.close();
  await gateway.stop();
  upstream.stop();

  const idealMs = ((DEVICES / DEVICES_PER_CALL - 1) * (1000 + counts.meanAnswerMs)) / QUOTA;
  return [
    {
      name: `${name}: devices sent exactly once`,
      value: counts.devices === counts.distinctDevices ? counts.devices : 0,
      least: DEVICES,
    },
    {
      name: `${name}: requests that succeeded`,
      value: answers.filter(({ success }) => success).length,
      least: requests.length,
    },
    { name: `${name}: most arrivals in a second`, value: counts.worstSecond, most: QUOTA },
    { name: `${name}: calls`, value: counts.calls, most: mostCalls },
    { name: `${name}: first to last arrival, of the ideal`, value: counts.spanMs / idealMs, most: 1.08 },
  ];
}
