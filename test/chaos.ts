// `npm run chaos [-- SECONDS [SEED]]`: three gateways on one account, under load, while replicas, their network and
// the store are killed, stopped, cut, slowed and wiped at random. Ends by itself; exit 1 if the emulator counted more
// calls in a second than it may, if one was refused, or if the sums of devices do not match. Loopback only.
import { sleepUntil, systemClock } from "../src/base/clock.js";
import { provide } from "./support/debian.js";
import { endPrograms } from "./support/processes.js";
import { endRedis } from "./support/redis.js";
import { Names, type Replica, startFleet, startLoad, toldOf } from "./support/replicas.js";
import { seededRandom } from "./support/seeded-random.js";

const SECONDS = Number(process.argv[2] ?? 600);
const SEED = Number(process.argv[3] ?? Date.now() % 1_000_000);
const QUOTA = 10;
const DEVICES_PER_SECOND = 2000;
const DEADLINE_MS = 15_000;

const random = seededRandom(SEED);
const wait = (ms: number) => sleepUntil(systemClock, systemClock.now() + ms);
const say = (text: string) => void process.stdout.write(`${text}\n`);

if (!provide("redis")) throw new Error("chaos needs Redis (Debian's package redis-server)");
const store = process.argv[4] === "share" ? { OTA_ON_STORE_LOSS: "share" } : {};
const fleet = await startFleet(3, SECONDS * DEVICES_PER_SECOND, store);
const { emulator, redis, replicas } = fleet;
const names = new Names();
const loads = replicas.map((replica) => startLoad(replica, names, 10, 60, DEADLINE_MS));
const some = () => replicas[Math.floor(random() * replicas.length)] as Replica;

/** Each strikes, and mends what it has struck. */
const BLOWS: Record<string, () => Promise<void>> = {
  "a replica is killed": async () => {
    const replica = some();
    replica.gateway.kill("SIGKILL");
    await replica.gateway.ended;
    await wait(random() * 3000);
    await replica.restart();
  },
  "a replica is stopped": async () => {
    const { gateway } = some();
    gateway.kill("SIGSTOP");
    await wait(random() * 6000);
    gateway.kill("SIGCONT");
  },
  "a replica is drained and replaced": async () => {
    const replica = some();
    replica.gateway.kill("SIGTERM");
    await replica.gateway.ended;
    await replica.restart();
  },
  "a replica is cut off": async () => {
    const { network } = some();
    network.cut();
    await wait(random() * 8000);
    network.heal();
  },
  "a network swallows everything": async () => {
    const { network } = some();
    network.swallow();
    await wait(random() * 5000);
    network.heal();
  },
  "a network is slow": async () => {
    const { network } = some();
    network.delayMs = random() * 200;
    await wait(random() * 5000);
    network.delayMs = 0;
  },
  "the store is killed, and comes back empty": async () => {
    await redis.kill();
    await wait(random() * 8000);
    await redis.start();
  },
  "the store is stopped": async () => {
    redis.signal("SIGSTOP");
    await wait(random() * 3000);
    redis.signal("SIGCONT");
  },
  "the store is wiped": async () => {
    redis.command("flushall");
  },
};

say(`seed ${SEED}, ${SECONDS} s; Ctrl-C ends it`);
const endMs = systemClock.now() + SECONDS * 1000;
for (let n = 1; systemClock.now() < endMs; n++) {
  await wait(500 + random() * 4000);
  const blows = Object.keys(BLOWS);
  const blow = blows[Math.floor(random() * blows.length)] as string;
  await BLOWS[blow]?.();
  if (n % 5 > 0) continue;
  const { arrivals, worstSecond, devicesCanceled } = await emulator.stats();
  const leftSeconds = Math.max(Math.round((endMs - systemClock.now()) / 1000), 0);
  say(`${leftSeconds} s left: ${n} blows, ${arrivals} calls, worst second ${worstSecond}, ${devicesCanceled} devices`);
}
await Promise.all(loads.map((load) => load.stop()));
await wait(3000); // until calls that nobody waits for have arrived

const stats = await emulator.stats();
const { accepted, unknown, answers } = toldOf(loads);
const mistakes = [
  ...(stats.worstSecond > QUOTA ? [`${stats.worstSecond} calls in one second`] : []),
  ...(Object.keys(stats.refused).length > 0 ? [`refused: ${JSON.stringify(stats.refused)}`] : []),
  ...(stats.devicesCanceled < accepted.length ? ["more devices were accepted than cancelled"] : []),
  ...(stats.devicesCanceled > accepted.length + unknown.size ? ["devices were cancelled that nobody was told of"] : []),
];
say(
  `${stats.arrivals} calls, worst second ${stats.worstSecond}; ${stats.devicesCanceled} devices cancelled, of which ` +
    `${accepted.length} were said to be accepted and at most ${unknown.size} unknown; answers ${JSON.stringify(answers)}`,
);
for (const mistake of mistakes) say(`WRONG: ${mistake} (seed ${SEED})`);
for (const { network } of replicas) network.close();
await endPrograms();
await endRedis();
process.exit(mistakes.length > 0 ? 1 : 0);
