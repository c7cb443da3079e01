// Programs whose standard output is closed or full: they print at most one line, and no stack.
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { GetQuotaResponse, Ledger } from "../../src/gen/ota/v1/ota_service.js";
import { accepted, answerOf, listenOta } from "../support/fake-ota-service.js";
import { freePort } from "../support/free-port.js";
import { endPrograms, KEYS, run, until } from "../support/processes.js";

let address: string;
beforeEach(async () => {
  address = await listenOta({
    quota: () => GetQuotaResponse.fromPartial({ account: "default", callsPerSecond: 10, ledger: Ledger.OPENING }),
    stream: (call) => {
      call.on("data", ({ sequence, request }) => {
        call.write(answerOf(sequence, { response: accepted(request?.deviceNames ?? []) }));
      });
      call.on("end", () => call.end());
    },
  });
});
afterAll(endPrograms);

/** Through a shell; `"$@"` is the program. */
async function through(script: string, args: readonly string[]) {
  const program = run(
    [...args, "--address", address],
    {},
    { through: ["bash", "-c", `set -o pipefail; ${script}`, "-"] },
  );
  const code = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

const CANCEL = ["cancel", "--product-key", "a1", "--firmware-id", "f1", "dev-0"];

describe("ota-gateway with a standard output that nobody reads", () => {
  it("ends quietly (was: a stack)", async () => {
    const { code, stdout, stderr } = await through('"$@" | head -n 1', ["quota", "--watch"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^\S+Z default: .*\n$/);
  });

  it("still tells by its exit code what became of the devices", async () => {
    const { code, stderr } = await through('"$@" | true', CANCEL);
    expect([code, stderr]).toEqual([0, expect.not.stringMatching(/EPIPE|^ +at /m)]);
    const refused = await through('"$@" "bad name" | true', CANCEL);
    expect([refused.code, refused.stderr]).toEqual([1, expect.not.stringMatching(/EPIPE|^ +at /m)]);
  });
});

describe("ota-gateway with a standard output that is full", () => {
  it.each([
    ["quota", ["quota"]],
    ["quota --json", ["quota", "--json"]],
    ["cancel", CANCEL],
  ])("says so in one line at %s, and ends with 1 (was: a stack)", async (_, args) => {
    const { code, stderr } = await through('"$@" > /dev/full', args);
    expect(stderr).toMatch(/^error: standard output cannot be written: ENOSPC.*\n$/m);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(code).toBe(1);
  });
});

describe("ota-gateway with an error output that is full, or that nobody reads", () => {
  it.each([
    ["full", '"$@" 2> /dev/full'],
    ["gone", '{ "$@" 2>&1 >&3 | true; } 3>&1'],
  ])("does what it was asked to (was: it ended), if it is %s", async (_, script) => {
    const { code, stdout } = await through(script, CANCEL);
    expect([code, stdout]).toEqual([0, expect.stringContaining("Every device ended well.")]);
  });
});

describe("ota-gateway serve with a standard output that is full", () => {
  it("goes on, and ends as it is asked to (was: a stack)", async () => {
    const admin = `127.0.0.1:${await freePort()}`;
    const listen = { OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: admin, OTA_UPSTREAM_URL: "http://127.0.0.1:9" };
    const gateway = run(["serve"], { ...KEYS, ...listen }, { through: ["bash", "-c", 'exec "$@" > /dev/full', "-"] });
    const isUp = () => fetch(`http://${admin}/livez`).then(({ ok }) => ok);
    await until(() => isUp().catch(() => false));
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    expect(gateway.stderr).not.toMatch(/^ +at /m);
  });
});
