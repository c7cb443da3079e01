// Describes an operation: in one line, or in a table with its outcomes.
import { visible } from "../base/visible-text.js";
import type { OperationStatus } from "../client/client.js";
import { stopText } from "./stop/stop-text.js";
import { count, counted, duration } from "./terminal/figures.js";
import type { Paint } from "./terminal/paint.js";
import { table } from "./terminal/table.js";

export function operationLine(status: OperationStatus): string {
  const { name, state, devices, devicesWaiting, createTime, scope, stop } = status;
  const settled = stop
    ? `stop, ${count(devicesWaiting)} of ${counted(devices, "task")} left`
    : `${count(devices - devicesWaiting)}/${counted(devices, "device")}`;
  return `${visible(name)}  ${state.toLowerCase().padEnd(8)}  ${createTime.toISOString()}  ${settled}  ${visible(scope.firmwareId)}`;
}

function listRows({ devices, devicesWaiting, upstreamCalls }: OperationStatus): [string, string][] {
  return [
    ["devices", `${count(devices)}, ${count(devicesWaiting)} of them waiting`],
    ["calls", count(upstreamCalls)],
  ];
}

/** Of a stop, with its report. */
export function operationText(status: OperationStatus, paint: Paint): string {
  const { scope, failure, obstacle, expectedRemainingMs, endTime } = status;
  const rows: [string, string][] = [
    ["operation", paint("bold", visible(status.name))],
    ["state", status.state.toLowerCase()],
    ["caller", visible(status.caller)],
    ["product", visible(scope.productKey)],
    ["firmware", visible(scope.firmwareId)],
    ...(scope.jobId ? ([["batch", visible(scope.jobId)]] as [string, string][]) : []),
    ...(scope.reason ? ([["reason", visible(scope.reason)]] as [string, string][]) : []),
    ...(status.stop ? [] : listRows(status)),
    ["created", status.createTime.toISOString()],
    endTime ? ["ended", endTime.toISOString()] : ["expires", status.expireTime.toISOString()],
    ...(expectedRemainingMs === undefined
      ? []
      : ([["remaining", duration(expectedRemainingMs)]] as [string, string][])),
    ...(obstacle ? ([["waiting for", paint("yellow", visible(obstacle))]] as [string, string][]) : []),
    ...(failure
      ? ([["failed", paint("red", `${visible(failure.message)} (${visible(failure.reason)})`)]] as [string, string][])
      : []),
    ...(status.durable ? [] : ([["stored", "in memory: lost with the gateway's process"]] as [string, string][])),
  ];
  const head = rows.map(([name, value]) => `${name.padEnd(12)} ${value}\n`).join("");
  if (status.stop) return `${head}\n${stopText(status, status.stop, paint)}`;
  const outcomes = Object.entries(status.outcomes);
  return outcomes.length === 0 ? head : `${head}${table(outcomes.map(([outcome, devices]) => [devices, outcome]))}\n`;
}
