// All kinds of clients that a gateway meets in an hour: patient ones and ones that leave, urgent
// ones, ones that request what does not exist or send garbage, streams, viewers, scrapers, and bare
// connections. Each comes again and again, mostly under a new name. When they stop, nothing is left
// on their side.
import { get } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { credentials, status } from "@grpc/grpc-js";
import { DEFAULTS } from "../../src/emulator/options.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { HealthClient } from "../../src/gen/grpc/health/v1/health.js";
import { Priority, StreamCancelTasksByDeviceRequest } from "../../src/gen/ota/v1/ota_service.js";
import {
  type Ask,
  add,
  asking,
  below,
  closed,
  DEADLINE_MS,
  devices,
  named,
  oneOf,
  type SoakRun,
  stubOf,
  wait,
} from "./soak-client.js";

/** One run of a client, from its first call to its last answer. */
type SoakClient = (soak: SoakRun) => Promise<void>;

/** Lets clients come until the returned function is called, which resolves when all have gone. */
export function welcome(soak: SoakRun): () => Promise<void> {
  let isOver = false;
  const comeAgain = async (kind: string, { run, pauseMs }: Kind) => {
    while (!isOver) {
      add(soak.counts.byKind, kind);
      await run(soak);
      await wait(soak.random() * pauseMs);
    }
  };
  const all = Promise.all(
    Object.entries(CLIENTS).flatMap(([name, kind]) => Array.from({ length: kind.count }, () => comeAgain(name, kind))),
  );
  return async () => {
    isOver = true;
    await all;
  };
}

/** On a busy machine, the whole queue can take this long. */
const PATIENCE_MS = 30_000;
const PRIORITIES = [Priority.UNSPECIFIED, Priority.BULK, Priority.NORMAL, Priority.URGENT];
const CANCEL = "/ota.v1.OtaService/CancelTasksByDevice";

const small: SoakClient = (soak) => {
  const { random } = soak;
  const ownScope = random() < 0.05 ? { iotInstanceId: `iot-${below(random, 1e6)}` } : {};
  const request = { priority: oneOf(random, PRIORITIES), requireAll: random() < 0.2, ...ownScope };
  return asking(soak, (ask) => ask(devices(soak, 1 + below(random, 3)), request));
};

/** A backend that stays connected, and has much to do and much time. */
const heavy: SoakClient = (soak) =>
  asking(soak, async (ask) => {
    for (let n = 0; n < 3; n++)
      await ask(devices(soak, 2000 + below(soak.random, 5000)), { priority: Priority.BULK }, PATIENCE_MS);
  });

const leaver: SoakClient = (soak) =>
  asking(soak, (ask) => ask(devices(soak, 1 + below(soak.random, 300)), {}, DEADLINE_MS, soak.random() * 150));

const hurried: SoakClient = (soak) => asking(soak, (ask) => ask(devices(soak, 20), {}, 5 + soak.random() * 400));

const planner: SoakClient = (soak) =>
  asking(soak, async (ask) => {
    await ask(devices(soak, 500), { validateOnly: true });
    const stub = stubOf(soak);
    await new Promise<void>((resolve) => stub.getQuota({ account: "" }, () => resolve()));
    stub.close();
  });

/** Requests products that do not exist, and nonexistent devices among existing ones. */
const mistaken: SoakClient = (soak) => {
  const unknown = `no-such-${below(soak.random, 1e9)}`;
  const wrongProduct: Ask = [devices(soak, 3), { productKey: unknown }];
  const wrongDevice: Ask = [[...devices(soak, 3), unknown], {}];
  return asking(soak, (ask) => ask(...oneOf(soak.random, [wrongProduct, wrongDevice])));
};

const MISUSES: readonly Ask[] = [
  [[], {}],
  [["no", "such name", "no"], {}],
  [Array.from({ length: 10_001 }, (_, n) => seededName(n)), {}],
  [["device"], { productKey: "", firmwareId: "" }],
  [["device"], { account: "nobody's", jobId: "x".repeat(1000) }],
];
const misuser: SoakClient = (soak) => asking(soak, (ask) => ask(...oneOf(soak.random, MISUSES)));

const streamer: SoakClient = (soak) => {
  const { random, counts } = soak;
  const stub = stubOf(soak);
  const deadline = random() < 0.2 ? { deadline: Date.now() + random() * 1000 } : {};
  const stream = stub.streamCancelTasksByDevice(named(random), deadline);
  const gone = new Promise<void>((resolve) => {
    stream
      .on("error", () => {})
      .on("status", ({ code }) => {
        add(counts.ends, status[code] ?? "?");
        resolve();
      });
  });
  stream.on("data", () => {});
  const requests = 1 + below(random, 40);
  for (let n = 0; n < requests; n++) {
    const names = random() < 0.1 ? ["no"] : devices(soak, 1 + below(random, 400));
    const request = { productKey: DEFAULTS.productKey, firmwareId: DEFAULTS.firmwareId, deviceNames: names };
    stream.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: BigInt(n), request }));
  }
  counts.rpcs += requests;
  if (random() < 0.3) setTimeout(() => stream.cancel(), random() * 300);
  else stream.end();
  return gone.finally(() => stub.close());
};

/** Opens the page, and reads it or not. */
const viewer: SoakClient = async ({ gateway, random }) => {
  const page = get(`${gateway.admin}/events`, { agent: false }, (answer) => random() < 0.7 && answer.resume());
  const gone = closed(page);
  await wait(random() * 3000);
  page.destroy();
  await gone;
};

const PAGES = ["/metrics", "/metrics", "/", "/livez", "/readyz", "/flight-record", "/no-such-page"];
const scraper: SoakClient = async ({ gateway, random }) => {
  const request = get(`${gateway.admin}${oneOf(random, PAGES)}`, { agent: false }, (answer) => answer.resume());
  await closed(request);
};

const watcher: SoakClient = async ({ gateway, random }) => {
  const health = new HealthClient(gateway.grpc, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const watch = health.watch({ service: oneOf(random, ["", "ota.v1.OtaService", "no.such.Service"]) });
  watch.on("error", () => {}).on("data", () => {});
  await wait(random() * 500);
  watch.cancel();
  health.close();
};

/** Sends bytes that are no HTTP/2, to both ports. */
const knocker: SoakClient = async ({ gateway, random }) => {
  const host = oneOf(random, [gateway.grpc, new URL(gateway.admin).host]);
  const [hostname = "", port = ""] = host.split(":");
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {}).resume();
  socket.write(Buffer.from(Array.from({ length: 1 + below(random, 200) }, () => below(random, 256))));
  await wait(random() * 200);
  socket.destroy();
};

/** Sends frames that are no protobuf, or that never end. */
const babbler: SoakClient = async ({ gateway, random }) => {
  const session = connectHttp2(`http://${gateway.grpc}`);
  session.on("error", () => {});
  const headers = { ":method": "POST", ":path": CANCEL, "content-type": "application/grpc", te: "trailers" };
  const request = session.request(headers);
  const gone = closed(request);
  request.resume();
  const frame = Buffer.from("0000000004ffffffff", "hex");
  if (random() < 0.5) request.end(frame);
  else request.write(frame.subarray(0, 7));
  setTimeout(() => session.destroy(), 200);
  await gone;
};

interface Kind {
  readonly run: SoakClient;
  /** Number of concurrent runs. */
  readonly count: number;
  /** The longest pause between two runs. */
  readonly pauseMs: number;
}

const CLIENTS: Readonly<Record<string, Kind>> = {
  small: { run: small, count: 12, pauseMs: 100 },
  heavy: { run: heavy, count: 10, pauseMs: 10 },
  leaver: { run: leaver, count: 4, pauseMs: 100 },
  hurried: { run: hurried, count: 3, pauseMs: 100 },
  planner: { run: planner, count: 1, pauseMs: 200 },
  mistaken: { run: mistaken, count: 1, pauseMs: 500 },
  misuser: { run: misuser, count: 2, pauseMs: 200 },
  streamer: { run: streamer, count: 3, pauseMs: 200 },
  viewer: { run: viewer, count: 3, pauseMs: 300 },
  scraper: { run: scraper, count: 1, pauseMs: 300 },
  watcher: { run: watcher, count: 1, pauseMs: 100 },
  knocker: { run: knocker, count: 2, pauseMs: 200 },
  babbler: { run: babbler, count: 1, pauseMs: 300 },
};
