// How long endings take: the gateway at SIGTERM after its last request, and the command line at
// Ctrl-C while its devices wait.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULTS } from "../../src/emulator/options.js";
import { run, runGateway } from "../../test/support/processes.js";
import type { Measured } from "../goal.js";
import { median } from "../median.js";
import { NETWORK, startUpstream, TAKES_ALL } from "../processes.js";

export interface EndingFigures {
  readonly idleEndMs: number;
  readonly commandEndMs: number;
}

export async function endings(isShort: boolean): Promise<Measured<EndingFigures>> {
  const rounds = isShort ? 3 : 9;
  const upstream = await startUpstream(...NETWORK, ...TAKES_ALL);
  const idleEndsMs: number[] = [];
  const commandEndsMs: number[] = [];
  const folder = mkdtempSync(join(tmpdir(), "ota-gateway-endings-"));
  const list = join(folder, "devices.txt");
  writeFileSync(list, Array.from({ length: 100_000 }, (_, n) => `device-${n}`).join("\n"));
  for (let round = 0; round < rounds; round++) {
    const gateway = await runGateway(upstream.url.origin, { OTA_LOG_LEVEL: "warn", OTEL_SDK_DISABLED: "true" });
    await gateway.opened();
    const command = run(
      [
        "cancel",
        "--address",
        gateway.grpc,
        "--product-key",
        DEFAULTS.productKey,
        "--firmware-id",
        DEFAULTS.firmwareId,
      ].concat(["--devices-file", list]),
    );
    await command.said(/ calls/);
    const interruptedMs = performance.now();
    command.kill("SIGINT");
    await command.ended;
    commandEndsMs.push(performance.now() - interruptedMs);
    const termedMs = performance.now();
    gateway.kill("SIGTERM");
    await gateway.ended;
    idleEndsMs.push(performance.now() - termedMs);
  }
  upstream.stop();
  rmSync(folder, { recursive: true });
  const [idleEndMs, commandEndMs] = [median(idleEndsMs), median(commandEndsMs)];
  return {
    goals: [
      { name: "an idle gateway at SIGTERM: ms until it has ended", value: idleEndMs, most: 2000 },
      { name: "the command line at Ctrl-C: ms until it has ended", value: commandEndMs, most: 3000 },
    ],
    figures: { idleEndMs, commandEndMs },
  };
}
