// The commands that the README shows, as it shows them, against an emulator and a gateway on ports of their own.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CancelScope, type Client, connect } from "../../src/client/client.js";
import { endPrograms, type GatewayProgram, openEmulator, runGateway } from "../support/processes.js";

const run = promisify(execFile);

const readme = readFileSync("README.md", "utf8");
const shell = [...readme.matchAll(/```sh\n(.*?)```/gs)]
  .map(([, lines = ""]) => lines.replaceAll("\\\n", " "))
  .join("\n");
const clients = [...shell.matchAll(/^node dist\/cli\.js ((?:cancel|quota) .*?)(?: +#.*)?$/gm)].map(
  ([, command = ""]) => command,
);

/** The table of three levels: command and rpc, and the same in Node. */
const [, flags = ""] = /`S="(.*?)"`/.exec(readme) ?? [];
const levels = [
  ...readme.matchAll(
    /^\| [^|]+ \| `node dist\/cli\.js ([^`]+)`.* \| `(client\.[^`]+)` \| \[(\w+)\]\(docs\/reference\.md#\w+\) \|$/gm,
  ),
].map(([, command = "", snippet = "", rpc = ""]) => ({ rpc, command: command.replace("$S", flags), snippet }));

let gateway: GatewayProgram;
beforeAll(async () => {
  const { url } = await openEmulator({ devices: 10 });
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

describe("the README's three levels", () => {
  it("are three", () => {
    expect(levels.map(({ rpc }) => rpc)).toEqual(["CancelTasksByDevice", "SubmitCancelTasksByDevice", "StopRollout"]);
  });

  it.each(levels)("$rpc: the command and the line of Node do it", async ({ command, snippet }) => {
    const client = connect(gateway.grpc, { caller: "fleet-backend" });
    const [, productKey = "", firmwareId = ""] = /--product-key (\S+) --firmware-id (\S+)/.exec(flags) ?? [];
    const call = new Function("client", "scope", `return ${snippet}`) as (
      client: Client,
      scope: CancelScope,
    ) => Promise<{ success?: boolean; wait?: () => Promise<{ success: boolean }> }>;
    const inNode = async () => {
      const answer = await call(client, { productKey, firmwareId });
      return answer.wait ? answer.wait() : answer;
    };
    const words = ["dist/cli.js", ...command.split(" "), "--address", gateway.grpc];
    const [{ stderr }, { success }] = await Promise.all([run(process.execPath, words), inNode()]);
    expect(stderr).not.toContain("error:");
    expect(success).toBe(true);
    client.close();
  });
});
