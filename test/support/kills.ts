// Kills a gateway again and again under load, with SIGKILL at random moments, and restarts it at
// once on the same port. Its clients repeat every request that was not answered as accepted. The
// network is as bad as the limiter allows for: calls of a killed gateway travel for up to a second
// after its death, and calls of its successor arrive at once.
import { type ServiceError, status } from "@grpc/grpc-js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { Outcome } from "../../src/gen/ota/v1/ota_service.js";
import { createCaller } from "./grpc-caller.js";
import { runGateway, warmGateway } from "./processes.js";
import { seededRandom } from "./seeded-random.js";

/** The result of the kills. */
export interface Aftermath {
  /** Devices that a client was answered as accepted, which are all that were ever requested. */
  readonly accepted: number;
  /** Of these, devices that no call between request and answer canceled. */
  readonly untrue: readonly string[];
  /** Of these, devices that are not canceled in the end. */
  readonly left: readonly string[];
  readonly failedRequests: number;
  readonly failedWith: readonly string[];
  /** Calls that arrived after their gateway had been killed. */
  readonly struck: number;
  readonly worstSecond: number;
  readonly refused: Readonly<Record<string, number>>;
}

const CLIENTS = 24;
/** Every third client requests this many, the others one. */
const MANY = 500;
const DEVICES = 200_000;
/** Each scope has a call of its own, which a starting gateway sends without spacing. */
const SCOPES = 12;
const SLOW_MS = 950;
/** A starting gateway sends nothing before this. */
const OPENING_MS = 2000;
const LONGEST_LIFE_MS = 3000;

export async function killUnderLoad(kills: number, seed: number, say: (text: string) => void): Promise<Aftermath> {
  const random = seededRandom(seed);
  /** When calls that name a device were carried out. */
  const canceledMs = new Map<string, number[]>();
  let outlived = 0;
  const emulator = await startEmulator({
    listen: "127.0.0.1:0",
    devices: DEVICES,
    random: () => 0.5 + random() / 2, // most of the travel time is on the way there
    faults: ({ parameters }) => {
      for (const [key, name] of parameters) {
        if (!key.startsWith("DeviceName.")) continue;
        const times = canceledMs.get(name);
        if (times) times.push(performance.now());
        else canceledMs.set(name, [performance.now()]);
      }
      return undefined;
    },
  });
  let gateway = await runGateway(emulator.url);
  const port = { OTA_LISTEN: gateway.grpc };
  let successor = await warmGateway(emulator.url, port);

  let nextDevice = 0;
  let accepted = 0;
  let failedRequests = 0;
  const failedWith = new Set<string>();
  let isOver = false;
  const untrue: string[] = [];
  const work = async (n: number) => {
    const caller = createCaller(gateway.grpc, { "x-ota-caller": `client-${n}` }, true);
    while (!isOver) {
      let open = Array.from({ length: n % 3 === 0 ? MANY : 1 }, () => seededName(nextDevice++));
      while (open.length > 0) {
        const askedMs = performance.now();
        const { answer } = caller.cancel(open, { iotInstanceId: `iot-${n % SCOPES}` });
        const response = await answer.catch(({ code }: ServiceError) => {
          failedRequests++;
          failedWith.add(status[code] ?? "?");
          return undefined;
        });
        const told = (response?.results ?? []).filter(({ outcome }) => outcome === Outcome.ACCEPTED);
        const isTrue = (name: string) => canceledMs.get(name)?.some((ms) => ms >= askedMs) ?? false;
        const names = new Set(told.map(({ deviceName }) => deviceName));
        untrue.push(...[...names].filter((name) => !isTrue(name)));
        accepted += names.size;
        open = open.filter((name) => !names.has(name));
      }
    }
    caller.close();
  };
  const load = Promise.all(Array.from({ length: CLIENTS }, (_, n) => work(n)));

  for (let kill = 1; kill <= kills; kill++) {
    // Some are killed before they have sent anything.
    const isYoung = random() < 0.2;
    if (!isYoung) await gateway.opened();
    await wait(random() * (isYoung ? OPENING_MS / 2 : LONGEST_LIFE_MS));
    // The last calls are slow, so that as many as possible are traveling when it is killed.
    emulator.setFaults({ latencyMs: SLOW_MS });
    await wait(SLOW_MS * (0.5 + random() / 2));
    const { arrivals } = emulator.stats();
    const killedMs = performance.now();
    gateway.kill("SIGKILL");
    await gateway.ended;
    emulator.setFaults({}); // for calls from now on
    gateway = await successor.start();
    const restartMs = Math.round(performance.now() - killedMs);
    const struck = emulator.stats().arrivals - arrivals;
    outlived += struck;
    say(
      `kill ${kill}, ${isYoung ? "while it opened" : "in its work"}: ${struck} calls were on their way, restarted in ${restartMs} ms`,
    );
    successor = await warmGateway(emulator.url, port);
  }
  successor.end();
  await gateway.opened();
  isOver = true;
  await load;
  gateway.kill("SIGTERM");
  await gateway.ended;

  const { worstSecond, refused } = emulator.stats();
  const asked = Array.from({ length: nextDevice }, (_, n) => seededName(n));
  const left = asked.filter((name) => emulator.taskOf(name, DEFAULTS.productKey) !== "CANCELED");
  await emulator.close();
  return {
    accepted,
    untrue,
    left,
    failedRequests,
    failedWith: [...failedWith],
    struck: outlived,
    worstSecond,
    refused,
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
