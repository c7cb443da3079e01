import { expect, it, onTestFinished } from "vitest";
import type { EndedCall, SentCall } from "../../../src/gateway/call-observer.js";
import type { DeviceReadEnd } from "../../../src/gateway/device-reader.js";
import { keepTrying } from "../../../src/serve/upstream-trial.js";
import { FakeDeviceReader } from "../../support/fake-device-reader.js";
import { FakeLimiter } from "../../support/fake-limiter.js";
import { FakeLog } from "../../support/fake-log.js";
import { refused } from "../../support/fake-upstream.js";
import { HandClock } from "../../support/hand-clock.js";

function start(reply?: DeviceReadEnd) {
  const clock = new HandClock();
  const log = new FakeLog();
  const limiter = new FakeLimiter({ clock, openingMs: 2000 });
  const reader = new FakeDeviceReader(clock, 50, new Set(["ota-gateway-no-device"]));
  reader.reply = () => reply;
  const tried: EndedCall[] = [];
  const sent: SentCall[] = [];
  const ended: (readonly [SentCall, EndedCall])[] = [];
  const observers = [
    {
      sent: (call: SentCall) => void sent.push(call),
      ended: (...each: [SentCall, EndedCall]) => void ended.push(each),
    },
  ];
  let isProven = false;
  const stop = keepTrying({
    ...{ account: "default", clock, log, limiter, reader, observers, endpoint: "iot.example" },
    operation: "BatchGetDeviceState",
    isDue: () => !isProven,
    tried: (end) => {
      tried.push(end);
      isProven = end.kind === "accepted";
    },
  });
  onTestFinished(async () => {
    await stop();
    expect([clock.armed, limiter.out]).toEqual([0, 0]);
  });
  return { clock, log, limiter, reader, tried, sent, ended };
}

it("each is counted like any other call of its operation (was: in no metric and no span)", async () => {
  const { clock, sent, ended } = start({ kind: "lost", message: "no answer" });
  await clock.advance(20_000);
  expect(sent.length).toBeGreaterThanOrEqual(3);
  expect(sent[0]).toMatchObject({ devices: 1, attempt: 1 });
  expect(ended.map(([call]) => call)).toEqual(sent);
  expect(ended[0]?.[1]).toMatchObject({ kind: "lost", cause: "no answer" });
});

it("one harmless call is made once the ledger allows it, with a token, and no other while it has shown what it should", async () => {
  const { clock, limiter, reader, tried, log } = start();
  await clock.advance(1000);
  expect(reader.calls).toEqual([]); // the ledger opens
  await clock.advance(60_000);
  expect(reader.calls.map(({ deviceNames }) => deviceNames)).toEqual([["ota-gateway-no-device"]]);
  expect(limiter.wishes).toHaveLength(1);
  expect(tried).toMatchObject([{ kind: "accepted" }]);
  expect(log.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    "info: the upstream answers, and accepts the keys of this account",
  ]);
});

it.each<[string, RegExp, DeviceReadEnd]>([
  [
    "error",
    /does not accept the keys/,
    refused({ kind: "internal", recovered: false }, { code: "InvalidAccessKeyId.NotFound" }) as DeviceReadEnd,
  ],
  ["error", /spelled right/, { kind: "unwritten", message: "No connection to the upstream (ENOTFOUND).", ours: false }],
  [
    "warn",
    /does not answer/,
    { kind: "unwritten", message: "No connection to the upstream (ECONNREFUSED).", ours: false },
  ],
  [
    "warn",
    /may not read devices/,
    refused(
      { kind: "rejected", rejection: "forbidden", deviceFault: false },
      { code: "NoPermission" },
    ) as DeviceReadEnd,
  ],
  [
    "info",
    /accepts the keys/,
    refused(
      { kind: "rejected", rejection: "not-found", deviceFault: false },
      { code: "iot.prod.NotExistedProduct" },
    ) as DeviceReadEnd,
  ],
])("%s: what is wrong is in the log once, %s, and the call is repeated while it is due", async (level, words, end) => {
  const { clock, log, reader } = start(end);
  await clock.advance(20_000);
  expect(reader.calls.length).toBeGreaterThanOrEqual(3);
  expect(log.lines).toHaveLength(1);
  expect(log.lines[0]).toMatchObject({
    level,
    message: expect.stringMatching(words),
    fields: { endpoint: "iot.example" },
  });
});
