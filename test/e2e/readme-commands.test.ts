// The commands that the README shows, as it shows them, against an emulator and a gateway on ports of their own.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endPrograms, type GatewayProgram, runEmulator, runGateway } from "../support/processes.js";

const run = promisify(execFile);

const readme = readFileSync("README.md", "utf8");
const shell = [...readme.matchAll(/```sh\n(.*?)```/gs)]
  .map(([, lines = ""]) => lines.replaceAll("\\\n", " "))
  .join("\n");
const clients = [...shell.matchAll(/^node dist\/cli\.js ((?:cancel|quota) .*?)(?: +#.*)?$/gm)].map(
  ([, command = ""]) => command,
);

let gateway: GatewayProgram;
beforeAll(async () => {
  const { url } = await runEmulator("--devices", "10");
  gateway = await runGateway(url);
  await gateway.opened();
});
afterAll(endPrograms);

describe("the README's commands", () => {
  it("are there", () => {
    expect(clients.length).toBeGreaterThan(2);
  });

  it.each(clients.filter((command) => !command.includes("--watch")))("%s", async (command) => {
    const { stderr } = await run(process.execPath, ["dist/cli.js", ...command.split(" "), "--address", gateway.grpc]);
    expect(stderr).not.toContain("error:");
  });

  it("grpcurl -d … CancelTasksByDevice, by another client that goes by reflection", async () => {
    const [, request = "", method = ""] =
      /^grpcurl -plaintext -d '(.*?)'\s+127\.0\.0\.1:50051 (\S+)$/m.exec(shell) ?? [];
    const buf = ["node_modules/@bufbuild/buf/bin/buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge"];
    const { stdout } = await run(process.execPath, [...buf, "--data", request, `http://${gateway.grpc}/${method}`]);
    expect(JSON.parse(stdout)).toMatchObject({ success: true, results: [{ outcome: "OUTCOME_ACCEPTED" }] });
  });
});
