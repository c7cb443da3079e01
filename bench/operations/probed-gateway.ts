// A gateway that says for how long its event loop was held, and a watch over its memory.
import { fileURLToPath } from "node:url";
import { type GatewayProgram, MALLOC, runGateway, type Variables } from "../../test/support/processes.js";
import { cpuMs, residentMb } from "../cpu.js";
import type { ServerProcess, Upstream } from "../processes.js";

export interface Held {
  /** Processor time that the thread of the event loop used between two ticks. */
  readonly heldMs: number;
  /** The same without the collection of garbage. */
  readonly ownMs: number;
  /** How late a tick was, for whatever reason. */
  readonly lateMs: number;
}

export interface ProbedGateway extends ServerProcess {
  readonly program: GatewayProgram;
  /** The longest hold since it was asked before. */
  held(): Promise<Held>;
}

const PROBE = fileURLToPath(new URL("loop-probe.mjs", import.meta.url));

export async function startProbedGateway({ url }: Upstream, variables: Variables = {}): Promise<ProbedGateway> {
  const fixed = { ...MALLOC, OTA_LOG_LEVEL: "warn", OTEL_SDK_DISABLED: "true", NODE_OPTIONS: `--import=${PROBE}` };
  const program = await runGateway(url.origin, { ...fixed, ...variables });
  await program.opened();
  let asked = 0;
  return {
    ...{ program, pid: program.pid, grpc: program.grpc },
    async held() {
      program.kill("SIGUSR2");
      const [, text = ""] = await program.said(new RegExp(`^held ${++asked}: (.*)$`, "m"));
      return JSON.parse(text) as Held;
    },
    async stop() {
      program.kill("SIGKILL");
      await program.ended;
    },
  };
}

export interface Use {
  readonly tookMs: number;
  readonly cpuMs: number;
  /** More than before, at most. */
  readonly addedMb: number;
  readonly held: Held;
}

/** The use of the gateway while `work` lasts. `idleMb`: its memory before. */
export async function useOf(gateway: ProbedGateway, idleMb: number, work: () => Promise<unknown>): Promise<Use> {
  await gateway.held();
  let mostMb = residentMb(gateway.pid);
  const timer = setInterval(() => {
    mostMb = Math.max(mostMb, residentMb(gateway.pid));
  }, 50);
  const [startMs, startCpuMs] = [performance.now(), cpuMs(gateway.pid)];
  await work();
  const tookMs = performance.now() - startMs;
  clearInterval(timer);
  return {
    ...{ tookMs, cpuMs: cpuMs(gateway.pid) - startCpuMs, addedMb: mostMb - idleMb, held: await gateway.held() },
  };
}
