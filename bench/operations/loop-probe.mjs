// Imported before the gateway: notes for how long its event loop was held. Ticks that come late
// because the machine is busy do not count: only the processor time that the loop's own thread used
// meanwhile does. The collection of garbage is told apart. At each SIGUSR2 it prints the longest
// holds so far, and begins again.
import { writeSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

const TICK_MS = 2;
/** Shorter holds are not kept. */
const KEPT_MS = 5;
/** Entries of collections arrive so late. */
const ENTRIES_MS = 500;

let printed = 0;
let holds = [];
let collections = [];
let last = read();

new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({ entryTypes: ["gc"] });

setInterval(() => {
  const now = read();
  const lateMs = now.wallMs - last.wallMs - TICK_MS;
  const heldMs = Math.min(lateMs, now.cpuMs - last.cpuMs);
  if (lateMs > KEPT_MS) holds.push({ fromMs: last.wallMs, toMs: now.wallMs, lateMs, heldMs });
  last = now;
}, TICK_MS).unref();

process.on("SIGUSR2", () => {
  setTimeout(() => {
    const longest = {
      heldMs: most(({ heldMs }) => heldMs),
      ownMs: most((hold) => hold.heldMs - collectedMs(hold)),
      lateMs: most(({ lateMs }) => lateMs),
    };
    writeSync(1, `held ${++printed}: ${JSON.stringify(longest)}\n`);
    holds = [];
    collections = [];
  }, ENTRIES_MS);
});

function collectedMs({ fromMs, toMs }) {
  const within = collections.filter(({ startTime }) => fromMs <= startTime && startTime <= toMs);
  return within.reduce((sum, { duration }) => sum + duration, 0);
}

function most(of) {
  return holds.reduce((longest, hold) => Math.max(longest, of(hold)), 0);
}

function read() {
  const { user, system } = process.threadCpuUsage();
  return { wallMs: performance.now(), cpuMs: (user + system) / 1000 };
}
