// Defines the metrics of the process: its build, start, memory, processor time and event loop.
// Names follow OpenTelemetry's conventions, where there are any.
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { Meter } from "@opentelemetry/api";

/** Short enough that a pause of an event loop is seen, long enough to cost nothing. */
const RESOLUTION_MS = 20;

/** The event loop is reported on for one to two such periods. */
const PERIOD_MS = 60_000;

/** Reads these at each collection, until the returned function is called. */
export function watchProcess(meter: Meter, version: string, nowMs: () => number): () => void {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(name, { unit, description });
  const build = gauge("ota.build.info", "{build}", "Always 1; the labels are the versions of the gateway and of Node.");
  const start = gauge("process.start_time", "s", "When the process started, since the Unix epoch.");
  const memory = gauge("process.memory.usage", "By", "Memory of the process: the resident set.");
  const cpu = meter.createObservableCounter("process.cpu.time", {
    unit: "s",
    description: "Processor time that the process has used.",
  });
  const heapUsed = gauge("v8js.memory.heap.used", "By", "Memory of the heap in use.");
  const heapLimit = gauge("v8js.memory.heap.limit", "By", "The most that the heap may hold.");
  const delay = gauge(
    "nodejs.eventloop.delay.p99",
    "s",
    "How late the event loop was, 99th percentile of the last one to two minutes.",
  );
  const longest = gauge("nodejs.eventloop.delay.max", "s", "The longest such delay of the last one to two minutes.");
  const utilization = gauge(
    "nodejs.eventloop.utilization",
    "{ratio}",
    "Part of the last one to two minutes in which the event loop was busy, from 0 to 1.",
  );
  // Begun at fixed distances, not at each collection: a scraper would hide a pause from the next.
  let older = watchEventLoop(nowMs());
  let newer = older;
  const startS = performance.timeOrigin / 1000;
  const versions = { "service.version": version, "process.runtime.version": process.versions.node };
  const all = [build, start, memory, cpu, heapUsed, heapLimit, delay, longest, utilization];
  const observe: Parameters<Meter["addBatchObservableCallback"]>[0] = (result) => {
    if (nowMs() - newer.sinceMs >= PERIOD_MS) {
      if (older !== newer) older.delay.disable();
      older = newer;
      newer = watchEventLoop(nowMs());
    }
    const { user, system } = process.cpuUsage();
    const heap = getHeapStatistics();
    result.observe(build, 1, versions);
    result.observe(start, startS);
    result.observe(memory, process.memoryUsage.rss());
    result.observe(cpu, user / 1e6, { "cpu.mode": "user" });
    result.observe(cpu, system / 1e6, { "cpu.mode": "system" });
    result.observe(heapUsed, heap.used_heap_size);
    result.observe(heapLimit, heap.heap_size_limit);
    result.observe(delay, lateS(older.delay.percentile(99)));
    result.observe(longest, lateS(older.delay.max));
    result.observe(utilization, performance.eventLoopUtilization(older.use).utilization);
  };
  meter.addBatchObservableCallback(observe, all);
  return () => {
    for (const { delay } of [older, newer]) delay.disable();
    meter.removeBatchObservableCallback(observe, all);
  };
}

/** Watches the event loop from now on. */
function watchEventLoop(sinceMs: number) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return { sinceMs, delay, use: performance.eventLoopUtilization() };
}

/** The histogram counts the whole time between two samples, in nanoseconds. */
function lateS(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
}
