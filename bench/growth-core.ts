// The gateway's own work without any wire: devices of many callers are queued, then sent call by
// call and answered at once. Prints the processor time for each device. Runs in a process of its
// own, so that every size starts from the same state.
import { systemClock } from "../src/base/clock.js";
import type { Command } from "../src/gateway/command.js";
import { Gateway } from "../src/gateway/gateway.js";
import type { Limiter, Token } from "../src/gateway/limiter.js";
import type { Upstream } from "../src/gateway/upstream.js";

const [queued = 0, callers = 0, devicesPerRequest = 0, total = 0] = process.argv.slice(2).map(Number);

/** Devices until the machine code no longer changes. */
const WARM_UP = 50_000;

const SCOPE = { iotInstanceId: "", productKey: "a1Bench", firmwareId: "Bench030100", jobId: "" };
const TOKEN: Token = { newcomer: false, send: () => true, settle: () => {} };

let grant = () => {};
const limiter: Limiter = {
  take: () =>
    new Promise((resolve) => {
      grant = () => resolve(TOKEN);
    }),
  state: () => ({
    ...{ mode: "in-process", callsPerSecond: 10, free: 10, spaceMs: 100, inFlightSinceMs: [], coolingUntilMs: [] },
    ...{ withheld: 0, pausedUntilMs: -Infinity },
  }),
  forecast: () => () => 0,
  close: async () => {},
};
const upstream: Upstream = {
  room: { devices: 200, bytes: 12_288, bytesOfScope: () => 100, bytesOfDevice: (name) => name.length + 16 },
  timeoutMs: 10_000,
  cancelTasks: async () => ({ kind: "accepted", requestId: "request" }),
};
const gateway = new Gateway({
  ...{ account: "default", clock: systemClock, limiter, upstream, random: Math.random },
  log: { debug() {}, info() {}, warn() {}, error() {} },
  callers: { weightOf: () => 1, creditNameOf: (caller) => caller },
  bounds: { queuedDevices: Infinity, queuedDevicesPerCaller: Infinity },
});

let named = 0;
let spentUs = 0;
let devices = 0;
while (devices < WARM_UP) await round();
[spentUs, devices] = [0, 0];
while (devices < total) await round();
process.send?.(spentUs / devices);

/** Queues one round of devices, and lets them be sent. */
async function round(): Promise<void> {
  const commands = Array.from({ length: queued / devicesPerRequest }, (_, n) => commandOf(`caller-${n % callers}`));
  const startUs = usedUs();
  let isOpen = true;
  const answers = Promise.all(commands.map((command) => gateway.cancel(command).answer)).then(() => {
    isOpen = false;
  });
  while (isOpen) {
    grant();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await answers;
  spentUs += usedUs() - startUs;
  devices += queued;
}

function commandOf(caller: string): Command {
  const deviceNames = Array.from({ length: devicesPerRequest }, () => `device-${String(named++).padStart(9, "0")}`);
  const command = { account: "default", scope: SCOPE, caller, answerByMs: Infinity, requireAll: false, verify: false };
  return { ...command, priority: "normal", deviceNames };
}

function usedUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
