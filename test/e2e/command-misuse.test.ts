// Command lines that are refused before anything is sent: `ota-gateway` with empty values, and with addresses that
// are none.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { listenOta } from "../support/fake-ota-service.js";
import { endPrograms, run, runScript } from "../support/processes.js";

afterAll(endPrograms);

const CANCEL = ["cancel", "--product-key", "a1", "--firmware-id", "f1", "dev-0"];

describe("ota-gateway with a value that is empty, as of a shell's variable that is not set", () => {
  it.each([
    ["--job-id", [...CANCEL, "--job-id", ""]], // was: the tasks of every batch
    ["--account", [...CANCEL, "--account="]], // was: the default account
    ["--instance-id", [...CANCEL, "--instance-id", ""]],
    ["--firmware-id", ["cancel", "--product-key", "a1", "--firmware-id", "", "dev-0"]],
    ["--output", [...CANCEL, "--output", ""]], // was: no results at all
    ["--token-file", ["quota", "--token-file", ""]], // was: without any token
    ["--ca", ["quota", "--ca", ""]], // was: in plain text
    ["--upstream-url", ["probe", "--product-key", "a1", "--firmware-id", "f1", "--dry-run", "--upstream-url", ""]],
  ])("refuses %s, with 2", async (flag, args) => {
    const program = run(args);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain(`error: ${flag} is empty; give it a value, or leave it out`);
    expect(program.stdout).toBe("");
  });

  it("takes it where it means what an empty variable means: for serve, not given", async () => {
    const program = run(["serve", "--listen", "", "--config", "", "--log-level", "shout"]);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("OTA_LOG_LEVEL");
    expect(program.stderr).not.toContain("is empty");
  });
});

describe("ota-gateway with an address that is none", () => {
  it.each([
    ["http://127.0.0.1:21051", "leave out http:// and write 127.0.0.1:21051"],
    ["https://ota.example.com", "leave out https:// and write ota.example.com:50051; for TLS, give --tls"],
    ["::1:21051", "an IPv6 address needs brackets; write [::1]:21051"],
    ["127.0.0.1:99999", "there is no port 99999; the highest is 65535"],
    ["127.0.0.1:0", "write host:port, like 127.0.0.1:50051"],
    ["ota.example.com", "the port is missing; write ota.example.com:50051"],
  ])("says of %s what to write instead, at once", async (address, advice) => {
    const programs = [run([...CANCEL, "--address", address]), run(["quota"], { OTA_ADDRESS: address })];
    for (const [n, program] of programs.entries()) {
      expect(await program.ended).toBe(2);
      const name = ["--address", "OTA_ADDRESS"][n];
      expect(program.stderr).toContain(`error: ${name} ${address} is not host:port: ${advice}\n`);
    }
  });

  it("says of several that names stand for themselves", async () => {
    const program = run(["quota", "--address", "one:1,two:2"]);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("one:1,two:2 names several hosts, which works for IP addresses of one kind only");
  });

  it("says the same of the addresses to listen on", async () => {
    const served = run(["serve", "--listen", "https://0.0.0.0:50051", "--admin-listen", "9464"]);
    expect(await served.ended).toBe(2);
    expect(served.stderr).toContain("OTA_LISTEN: expected host:port (leave out https:// and write 0.0.0.0:50051)");
    expect(served.stderr).toContain("OTA_ADMIN_LISTEN: expected host:port (the host is missing; write 127.0.0.1:9464)");
    const emulated = run(["emulate", "--listen", "::1:8088"]);
    expect(await emulated.ended).toBe(2);
    expect(emulated.stderr).toContain("an IPv6 address needs brackets; write [::1]:8088");
    const probed = runScript("healthcheck.js", [], { OTA_LISTEN: "localhost" });
    expect(await probed.ended).toBe(1); // was: a stack, for some
    expect(probed.stderr).toBe(
      "unhealthy: localhost (OTA_LISTEN) is not host:port: the port is missing; write localhost:50051\n",
    );
  });

  it("says of a caller's name that is none which names are (was: served as anonymous)", async () => {
    const program = run([...CANCEL, "--caller", "fleet backend"]);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("error: --caller fleet backend is not a name of 1-128 of A-Za-z0-9_.:/@-\n");
  });

  it("reads the addresses for the demo too (was: ignored without a word)", async () => {
    const program = run(["demo", "--exit"], { OTA_LISTEN: "localhost" });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("OTA_LISTEN: expected host:port (the port is missing; write localhost:50051)");
  });

  it("says what to do about a port that is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const emulated = run(["emulate", "--listen", `127.0.0.1:${port}`]);
    expect(await emulated.ended).toBe(1);
    expect(emulated.stderr).toMatch(
      /--listen: .*EADDRINUSE.*; stop the program that listens there, or set another port\n$/,
    );
  });
});

describe("ota-gateway with the address in OTA_ADDRESS", () => {
  it("calls that gateway, or the first of several replicas that answers", async () => {
    const address = await listenOta({});
    for (const variable of [address, ` 127.0.0.1:1,${address} `]) {
      const program = run(["quota", "--json"], { OTA_ADDRESS: variable });
      expect(await program.ended).toBe(0);
      expect(program.stdout).toContain('"account":"default"');
    }
    const program = run(["quota", "--address", address, "--json"], { OTA_ADDRESS: "127.0.0.1:1" });
    expect(await program.ended).toBe(0);
  });
});
