// What the probe does not do: send a cancel where harm is possible, go on where there is nothing to learn, or tell
// in its report what it was given.
import { afterAll, describe, expect, it } from "vitest";
import { reportText } from "../../src/cli/probe/report.js";
import { emulatorFlags } from "../../src/emulator/flags.js";
import { startHttpUpstream } from "../support/http-upstream.js";
import { GIVEN_UP, IDLE, LEAST_GIVEN, startProbing } from "../support/probing.js";
import { endPrograms, KEYS, run, runEmulator } from "../support/processes.js";

const FLAGS = ["probe", "--product-key", LEAST_GIVEN.productKey, "--firmware-id", LEAST_GIVEN.firmwareId];

describe("ota-gateway probe, before its first cancel", () => {
  it.for([
    ["a batch of the package is running", {}, /has a running batch/],
    [
      "a task is not among those given up",
      { sacrificialDevices: [GIVEN_UP[0]] },
      /1 of devices that are not sacrificial/,
    ],
    ["a device that was given up has no task", { sacrificialDevices: [...GIVEN_UP, IDLE] }, /has no unfinished task/],
    ["the idle device is not", { sacrificialDevices: GIVEN_UP, idleDevice: GIVEN_UP[0] }, /The --idle-device has/],
    ["the idle device is none", { sacrificialDevices: GIVEN_UP, idleDevice: "nobody" }, /NotExistedDevice/],
    ["the package is not known", { firmwareId: "nothing" }, /iot\.ota\.FirmwareNotFound\. Check the endpoint/],
  ] as const)("stops if %s", async ([, given, message], test) => {
    const { run: probe, emulator } = await startProbing(test, { running: true });
    const { endedBy, evidence } = await probe({ ...LEAST_GIVEN, ...given });
    expect(endedBy).toMatch(message);
    expect(evidence.trials).toEqual({});
    expect(emulator.stats().arrivals).toBe(0);
  });

  it("stops if a batch of the other product's package is running", async (test) => {
    const { run: probe, emulator, foreignFirmwareId, startForeignBatch } = await startProbing(test);
    await startForeignBatch();
    const { endedBy } = await probe({ ...LEAST_GIVEN, foreignFirmwareId });
    expect(endedBy).toMatch(/The --foreign-firmware-id has a running or canceled batch/);
    expect(emulator.stats()).toMatchObject({ arrivals: 0, tasks: { QUEUED: 1 } });
  });

  it("stops if a batch that was closed still has a task (was: it went on)", async (test) => {
    const { run: probe, emulator, wire } = await startProbing(test);
    const { productKey, firmwareId } = LEAST_GIVEN;
    const { jobId } = emulator.startRollout({ productKey, firmwareId, kind: "dynamic", devices: 2 });
    await wire.send({ action: "CancelOTAStrategyByJob", parameters: [["JobId", jobId]] });
    expect(emulator.rollouts().at(-1)).toMatchObject({ status: "CANCELED", tasks: { QUEUED: 2 } });
    const { endedBy, evidence } = await probe(LEAST_GIVEN);
    expect(endedBy).toMatch(/unfinished tasks \(2 of devices that are not sacrificial\)/);
    expect(evidence.trials).toEqual({});
    expect(emulator.stats().arrivals).toBe(0);
  });

  it("says that a secret is wrong after one call", async (test) => {
    const probing = await startProbing(test, { secret: "wrong" });
    expect(await probing.run(LEAST_GIVEN)).toMatchObject({
      callsSent: 1,
      endedBy: expect.stringMatching(/SignatureDoesNotMatch: the secret does not belong to the access key/),
    });
  });

  it("says which right is missing", async (test) => {
    const forbidden = { kind: "error", shape: "gateway", status: 403, code: "Forbidden.RAM", message: "" } as const;
    const probing = await startProbing(test, {
      faults: ({ action }) => (action === "CancelOTATaskByDevice" ? forbidden : undefined),
    });
    const { endedBy, callsSent } = await probing.run(LEAST_GIVEN);
    expect(endedBy).toMatch(/grant iot:CancelOTATaskByDevice/);
    expect(callsSent).toBe(2);
  });

  it("says that the product is not that of this endpoint", async (test) => {
    const probing = await startProbing(test);
    const { endedBy } = await probing.run({ ...LEAST_GIVEN, productKey: "a1Elsewhere" });
    expect(endedBy).toMatch(/iot\.prod\.NotExistedProduct\. Check --upstream-url \(its region\), --product-key/);
  });
});

describe("ota-gateway probe, on its way", () => {
  it("keeps what it saw when it is interrupted", async (test) => {
    const ending = new AbortController();
    const probing = await startProbing(test);
    const probe = await probing.run(LEAST_GIVEN, {
      signal: ending.signal,
      progress: (line) => line.startsWith("201") && ending.abort(),
    });
    expect(probe.endedBy).toBe("interrupted");
    expect(Object.keys(probe.evidence.trials)).toEqual(["madeUp", "twice", "malformed", "tooMany"]);
    expect(reportText(probe)).toMatch(/^Not finished: interrupted\n(.*\n)* +unknown-device +reject/);
  });

  it("asks again when it is throttled or gets no answer", async (test) => {
    let number = 0;
    const throttle = { kind: "error", shape: "gateway", status: 400, code: "Throttling.User", message: "" } as const;
    const faults = () => (++number % 2 === 0 ? undefined : { ...throttle, retryAfterMs: 1 });
    const probing = await startProbing(test, { faults });
    const probe = await probing.run(LEAST_GIVEN);
    expect(probe).not.toHaveProperty("endedBy");
    expect(probe.evidence.trials.unknownJob).toMatchObject({ kind: "refused", code: "iot.ota.InvalidJobId" });
    expect(probe.evidence.throttles.length).toBeGreaterThan(5);
  });
});

afterAll(endPrograms);

describe.concurrent("ota-gateway probe, the program", () => {
  it("says what it would send, and sends nothing, without a terminal to say yes on and for --dry-run", async () => {
    const upstream = await startHttpUpstream(() => ({}));
    const silent = run([...FLAGS, "--upstream-url", upstream.url], KEYS);
    const dry = run([...FLAGS, "--upstream-url", upstream.url, "--dry-run", "--consent-to-throttling"], KEYS);
    const json = run([...FLAGS, "--upstream-url", upstream.url, "--dry-run", "--json"], KEYS); // was: printed as text
    expect(await silent.ended).toBe(2);
    expect(silent.stderr).toMatch(/^Up to 15 calls go to http:(.*\n)*error: nothing is sent without confirmation/);
    expect(await dry.ended).toBe(0);
    expect(dry.stdout).toMatch(/^Up to 59 calls go to http:/);
    expect([await json.ended, json.stdout]).toEqual([2, ""]);
    expect(upstream.calls).toHaveLength(0);
    await upstream.close();
  });

  it("reports as JSON with flags that the emulator takes, and prints nothing that it was given", async () => {
    // Whatever is asked, it repeats it as its code.
    const upstream = await startHttpUpstream(({ parameters }) => {
      if (!parameters.has("DeviceName.1")) return { fields: { Success: true, Data: {}, Total: 0 } };
      const code = `iot.new.${parameters.get("ProductKey")}.${parameters.get("FirmwareId")}`;
      return { fields: { Success: false, Code: code, ErrorMessage: [...parameters].join() } };
    });
    const program = run([...FLAGS, "--upstream-url", upstream.url, "--yes", "--json"], KEYS);
    expect(await program.ended).toBe(0);
    await upstream.close();
    const report = JSON.parse(program.stdout) as { emulate: string[] };
    const newCodes = expect.arrayContaining([expect.objectContaining({ question: "unknown-product", known: false })]);
    expect(report).toMatchObject({ finished: true, callsSent: 10, newCodes });
    const printed = program.stdout + program.stderr;
    for (const secret of [LEAST_GIVEN.productKey, LEAST_GIVEN.firmwareId, "testid", "testsecret", "otaprobe"]) {
      expect(printed).not.toContain(secret);
    }
  });

  it("sends nothing more after a list that it cannot read", async () => {
    const upstream = await startHttpUpstream(() => ({ fields: { Success: true, Data: { SimpleOTAJobInfo: [{}] } } }));
    const program = run([...FLAGS, "--upstream-url", upstream.url, "--yes"], KEYS);
    expect(await program.ended).toBe(1);
    expect(program.stdout).toMatch(/Nothing was found out: The answer to ListOTAJobByFirmware cannot be read/);
    expect(upstream.calls).toHaveLength(1);
    await upstream.close();
  });

  it.each(["SIGINT", "SIGHUP"] as const)("reports what it knows at the first %s", async (signal) => {
    const { productKey, firmwareId } = LEAST_GIVEN;
    const emulator = await runEmulator("--product-key", productKey, "--firmware-id", firmwareId);
    const program = run([...FLAGS, "--upstream-url", emulator.url, "--yes"], KEYS);
    await program.said(/one made-up device: .*/);
    program.kill(signal);
    expect(await program.ended).toBe(1);
    expect(program.stdout).toMatch(/^\nNot finished: interrupted\n(.*\n)* +unknown-device +reject/);
  });

  it("names the emulator that answers likewise", async () => {
    const flags = ["--unknown-device ignore", "--duplicate-names ignore", "--unknown-job ignore"];
    const { productKey, firmwareId } = LEAST_GIVEN;
    const emulator = await runEmulator(
      ...flags.join(" ").split(" "),
      "--product-key",
      productKey,
      "--firmware-id",
      firmwareId,
    );
    const program = run([...FLAGS, "--upstream-url", emulator.url, "--yes"], KEYS);
    expect(await program.ended).toBe(0);
    const [, line = ""] = /ota-gateway emulate (.*)/.exec(program.stdout) ?? [];
    for (const flag of flags) expect(line).toContain(flag);
    const known = emulatorFlags().map(({ long }) => long);
    for (const flag of line.match(/--[a-z-]+/g) ?? []) expect(known).toContain(flag);
  });

  it.each([
    ["no product", ["probe"], /required option '--product-key/],
    ["an endpoint that is none", [...FLAGS, "--upstream-url", "ftp://x", "--yes"], /OTA_UPSTREAM_URL: expected/],
    ["a name that no device has", [...FLAGS, "--idle-device", "a b c"], /It must be 4-32 of .* has U\+0020 at 2/],
  ])("exits 2 at %s", async (_, args, message) => {
    const program = run(args, KEYS);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(message);
  });
});
