import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { Clock } from "../../src/base/clock.js";
import type { Fault } from "../../src/emulator/faults/faults.js";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import type { ReceivedRequest } from "../../src/emulator/protocol/wire.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { HandClock } from "../support/hand-clock.js";
import { cancelParameters, signedV1, signedV3 } from "../unit/emulator/signed-requests.js";

const started: Emulator[] = [];
afterEach(() => Promise.all(started.splice(0).map((emulator) => emulator.close())));

async function start(options: EmulatorOptions = {}) {
  const clock = new HandClock();
  const emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 20, clock, ...options });
  started.push(emulator);
  const epochMs = clock.wallNow();
  const unsigned = { host: `127.0.0.1:${emulator.port}`, epochMs, query: cancelParameters(seededName(0)) };
  return { clock, emulator, epochMs, unsigned };
}

interface Reply {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

/** Sends what was signed, header for header, which fetch would not. */
async function send({ port }: Emulator, wire: ReceivedRequest): Promise<Reply> {
  const path = `${wire.path}?${new URLSearchParams(wire.query.map(([name, value]): [string, string] => [name, value]))}`;
  const request = httpRequest({ host: "127.0.0.1", port, path, method: wire.method, headers: wire.headers });
  request.end(wire.body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk as string;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

const withHeaders = (wire: ReceivedRequest, headers: Record<string, string>): ReceivedRequest => ({
  ...wire,
  headers: { ...wire.headers, ...headers },
});

describe("startEmulator", () => {
  it("answers in XML unless Format or Accept asks for JSON", async () => {
    const { emulator, unsigned } = await start();
    const xml = await send(emulator, signedV3(unsigned));
    expect(xml.headers["content-type"]).toBe("text/xml;charset=utf-8");
    expect(xml.body).toMatch(
      /^<\?xml .*\?><CancelOTATaskByDeviceResponse><RequestId>[0-9A-F-]{36}<\/RequestId><Success>true<\/Success><\/CancelOTATaskByDeviceResponse>$/,
    );
    const json = await send(emulator, withHeaders(signedV3(unsigned), { accept: "application/json" }));
    expect(JSON.parse(json.body)).toEqual({ RequestId: expect.any(String) as string, Success: true });
    const format = await send(emulator, signedV1(unsigned));
    expect(JSON.parse(format.body)).toMatchObject({ Success: true });
  });

  it("repeats RequestIds by its seed, whatever else it drew (was: they followed from the travel times)", async () => {
    const firstId = async (requestsBefore: number) => {
      const { emulator, unsigned } = await start({ seed: 9 });
      for (let n = 0; n < requestsBefore; n++) await fetch(emulator.url, { method: "OPTIONS" });
      const { body } = await send(emulator, signedV3(unsigned));
      return /<RequestId>(.*)<\/RequestId>/.exec(body)?.[1];
    };
    expect(await firstId(1)).toBe(await firstId(0));
  });

  it("writes a POP gateway error in both formats", async () => {
    const { emulator, unsigned } = await start();
    const wrong = { ...unsigned, accessKeySecret: "guess" };
    expect((await send(emulator, signedV3(wrong))).body).toMatch(
      /^<\?xml .*\?><Error><RequestId>.*<HostId>127.0.0.1:\d+<\/HostId><Code>SignatureDoesNotMatch<\/Code><Message>/,
    );
    const { status, body } = await send(emulator, signedV1(wrong));
    expect(status).toBe(400);
    expect(Object.keys(JSON.parse(body))).toEqual(["RequestId", "HostId", "Code", "Message", "Recommend"]);
  });

  it("takes the parameters from a form, in either signature", async () => {
    const { emulator, unsigned } = await start();
    const posted = { ...unsigned, method: "POST", query: {} } as const;
    await send(emulator, signedV3({ ...posted, form: cancelParameters(seededName(1)) }));
    await send(emulator, signedV1({ ...posted, form: cancelParameters(seededName(2)) }));
    expect([seededName(1), seededName(2)].map((name) => emulator.taskOf(name))).toEqual(["CANCELED", "CANCELED"]);
  });

  it("takes an address of 200 names of 32 escaped characters", async () => {
    const { emulator, unsigned } = await start({ unknownDevice: "ignore" });
    const names = Array.from({ length: 200 }, (_, index) => `${index}`.padStart(32, ":@"));
    const { status } = await send(emulator, signedV3({ ...unsigned, query: cancelParameters(...names) }));
    expect(status).toBe(200);
  });

  it("takes a form of 10,000 names of 32 escaped characters (was: dropped the connection)", async () => {
    const { emulator, unsigned } = await start();
    const names = Array.from({ length: 10_000 }, (_, index) => `${index}`.padStart(32, ":@"));
    const form = Object.fromEntries(names.map((name, index) => [`DeviceName.${index + 1}`, name]));
    const action = "BatchCheckDeviceNames";
    const query = { ProductKey: "a1EmulatorPk" };
    const { status, body } = await send(emulator, signedV3({ ...unsigned, method: "POST", action, query, form }));
    expect([status, body]).toEqual([200, expect.stringContaining("<Success>true</Success>")]);
  });

  it("refuses a replayed request, an unsigned x-acs header, a stale date and a changed parameter", async () => {
    const { emulator, epochMs, unsigned } = await start();
    const codeOf = async (wire: ReceivedRequest) =>
      JSON.parse((await send(emulator, withHeaders(wire, { accept: "application/json" }))).body).Code;
    const request = signedV3(unsigned);
    expect(await codeOf(request)).toBeUndefined();
    expect(await codeOf(request)).toBe("SignatureNonceUsed");
    expect(await codeOf(withHeaders(signedV3(unsigned), { "x-acs-extra": "1" }))).toBe("IncompleteSignature");
    expect(await codeOf(signedV3({ ...unsigned, epochMs: epochMs - 901_000 }))).toBe("InvalidTimeStamp.Expired");
    const changed = signedV3(unsigned);
    const query = changed.query.map(
      ([name, value]) => [name, value.replace("device-0000000", "device-0000001")] as const,
    );
    expect(await codeOf({ ...changed, query })).toBe("SignatureDoesNotMatch");
    expect(emulator.taskOf(seededName(1))).toBe("QUEUED");
  });

  it("throttles the eleventh call with a hint in milliseconds", async () => {
    const { emulator, unsigned } = await start();
    for (let call = 0; call < 10; call++) expect((await send(emulator, signedV3(unsigned))).status).toBe(200);
    const { status, headers, body } = await send(emulator, signedV1(unsigned));
    expect(status).toBe(400);
    expect(headers["x-acs-retry-after"]).toBe("1000");
    expect(JSON.parse(body)).toMatchObject({ Code: "Throttling.User" });
  });

  it("tells its statistics to whoever asks, without a signature", async () => {
    const { emulator, unsigned, epochMs } = await start();
    await send(emulator, signedV3({ ...unsigned, query: cancelParameters(seededName(0), seededName(1)) }));
    await send(emulator, signedV3(unsigned));
    const stats = await (await fetch(`${emulator.url}/__stats`)).json();
    expect(stats).toEqual(emulator.stats());
    expect(stats).toMatchObject({
      arrivals: 2,
      succeeded: 2,
      worstSecond: 2,
      devicesPerCall: 1.5,
      devicesCanceled: 2,
      repeatedCancels: 1,
      firstArrivalEpochMs: epochMs,
      tasks: { QUEUED: 18, CANCELED: 2 },
    });
  });

  it("lets a call travel before it counts, and its answer after", async () => {
    const { clock, departures } = hastyClock();
    const { emulator, unsigned } = await start({ clock, latencyMs: 100, random: () => 0.25 });
    await send(emulator, signedV3({ ...unsigned, epochMs: clock.wallNow() }));
    expect(departures).toEqual([25, 100]);
    expect(emulator.stats()).toMatchObject({ firstArrivalEpochMs: 25, meanAnswerMs: 100 });
  });

  it("drops the connection on a reset, and answers for a proxy without a RequestId", async () => {
    const faults: Fault[] = [{ kind: "reset", applied: false }, { kind: "bad-gateway" }];
    const { emulator, unsigned } = await start({ faults: () => faults.shift() });
    await expect(send(emulator, signedV3(unsigned))).rejects.toMatchObject({ code: "ECONNRESET" });
    const { status, body } = await send(emulator, signedV3(unsigned));
    expect(status).toBe(502);
    expect(body).not.toContain("RequestId");
  });

  it("closes at once with a call hanging and one still travelling", async () => {
    const hanging = await start({ faults: () => ({ kind: "hang", applied: false }) });
    const { clock, armed } = announcingClock();
    const travelling = await start({ clock, latencyMs: 100 });
    const calls = Promise.allSettled([
      send(hanging.emulator, signedV3(hanging.unsigned)),
      send(travelling.emulator, signedV3(travelling.unsigned)),
    ]);
    await armed;
    await Promise.all([hanging.emulator.close(), travelling.emulator.close()]);
    expect((await calls).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(clock.armed).toBe(0);
  });

  it("rejects when the port is taken", async () => {
    const { emulator } = await start();
    await expect(startEmulator({ listen: `127.0.0.1:${emulator.port}` })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

/** A clock that jumps to each timer as soon as it is set, and notes when that was. */
function hastyClock() {
  const departures: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    now: () => nowMs,
    wallNow: () => nowMs,
    at(timeMs, run) {
      queueMicrotask(() => {
        nowMs = timeMs;
        departures.push(timeMs);
        run();
      });
      return () => undefined;
    },
  };
  return { clock, departures };
}

/** A clock that stands still, and tells when the first timer is set on it. */
function announcingClock() {
  const clock = new HandClock();
  const armed = new Promise<void>((resolve) => {
    const at = clock.at.bind(clock);
    clock.at = (timeMs, run) => {
      resolve();
      return at(timeMs, run);
    };
  });
  return { clock, armed };
}
