// The errors for starting the program wrongly, and the effect of garbage on its ports.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import {
  endPrograms,
  type GatewayProgram,
  KEYS,
  openEmulator,
  run,
  runGateway,
  type Variables,
} from "../support/processes.js";
import { seededRandom } from "../support/seeded-random.js";

const FREE_PORTS: Variables = { OTA_LISTEN: "127.0.0.1:0", OTA_ADMIN_LISTEN: "127.0.0.1:0" };
const CANCEL = "/ota.v1.OtaService/CancelTasksByDevice";

afterAll(endPrograms);

describe("ota-gateway", () => {
  it("prints help for itself and for each subcommand, and exits 0", async () => {
    for (const args of [
      ["--help"],
      ["serve", "--help"],
      ["emulate", "--help"],
      ["demo", "--help"],
      ["help", "serve"],
    ]) {
      const program = run(args);
      expect(await program.ended).toBe(0);
      expect(program.stdout).toMatch(/^Usage: ota-gateway/);
      expect(program.stderr).toBe("");
    }
  });

  it("does not end by a SIGHUP that comes before it is ready (was: it did, wherever it was not process 1)", async () => {
    const emulator = await openEmulator();
    const program = run(["serve"], { ...KEYS, ...FREE_PORTS, OTA_UPSTREAM_URL: emulator.url, DEBUG: "none" });
    await program.said(/DEBUG is ignored/);
    program.kill("SIGHUP");
    await program.said(/ota-gateway ready/);
    program.kill("SIGTERM");
    expect(await program.ended).toBe(0);
  });

  it.each([
    ["no subcommand", [], /Usage: ota-gateway/],
    ["an unknown subcommand", ["srve"], /unknown command 'srve'/],
    ["an unknown flag", ["serve", "--lisen", "x"], /unknown option '--lisen'/],
    ["a word too many", ["serve", "now"], /too many arguments/],
    [
      "a secret as a flag, which everybody on the machine could read",
      ["serve", "--admin-token", "x"],
      /unknown option/,
    ],
    ["a flag without its value", ["serve", "--listen"], /argument missing/],
    ["a flag of emulate with a bad value", ["emulate", "--quota", "0"], /A whole number from 1/],
  ])("exits 2 at %s", async (_, args, message) => {
    const program = run(args);
    expect(await program.ended).toBe(2);
    expect(program.stderr).toMatch(message);
    expect(program.stdout).toBe("");
  });
});

describe("ota-gateway serve", () => {
  it("lists all bad settings, by flag or variable, and exits 2", async () => {
    const bad = { OTA_LISTEN: "0.0.0.0:0", OTA_LOG_LEVEL: "loud", OTA_UPSTREAM_URL: "iot.example.com" };
    const program = run(["serve", "--quota-calls-per-second", "0"], { ...KEYS, ...bad });
    expect(await program.ended).toBe(2);
    const names = [...program.stderr.matchAll(/^ {2}(OTA_\w+): /gm)].map(([, name]) => name).sort();
    expect(names).toEqual(["OTA_LISTEN", "OTA_LOG_LEVEL", "OTA_QUOTA_CALLS_PER_SECOND", "OTA_UPSTREAM_URL"]);
    expect(program.stderr).not.toContain("    at "); // no stack
  });

  it("spells out what of a bad file's names a terminal would obey, or not show", async () => {
    const folder = mkdtempSync(join(tmpdir(), "misuse-"));
    const path = join(folder, "gateway.yaml");
    writeFileSync(path, 'callers: { "\\u202Egro.live\\u009b2J": {} }\n');
    const program = run(["serve"], { ...KEYS, ...FREE_PORTS, OTA_CONFIG: path });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain("callers.\\u{202E}gro.live\\u{9B}2J: expected a name");
    expect(program.stderr).not.toMatch(/[^\P{C}\n]/u);
    rmSync(folder, { recursive: true });
  });

  it("names what to set if there are no credentials, and exits 1", async () => {
    const program = run(["serve"], FREE_PORTS);
    expect(await program.ended).toBe(1);
    expect(program.stderr).toContain("ALIBABA_CLOUD_ACCESS_KEY_ID");
    expect(program.stderr).toContain("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
  });

  it("names the other half if there is half a key pair, and exits 1", async () => {
    const program = run(["serve"], { ...FREE_PORTS, ALIBABA_CLOUD_ACCESS_KEY_SECRET: "half-a-secret" });
    expect(await program.ended).toBe(1);
    expect(program.stderr).toContain("ALIBABA_CLOUD_ACCESS_KEY_ID is not");
    expect(program.stderr).not.toContain("half-a-secret");
  });

  it("names the variable of a key with an invisible character and its place, and exits 1 (was: ready)", async () => {
    const keys = { ...KEYS, ALIBABA_CLOUD_ACCESS_KEY_ID: "half-\u200ban-id" };
    const program = run(["serve"], { ...keys, ...FREE_PORTS });
    expect(await program.ended).toBe(1);
    expect(program.stderr).toContain("account default: ALIBABA_CLOUD_ACCESS_KEY_ID must be visible ASCII");
    expect(program.stderr).toContain("has U+200B at 6");
    expect(program.stderr).not.toMatch(/half-|an-id/);
  });

  it.each(["OTA_LISTEN", "OTA_ADMIN_LISTEN"])("names the address that is taken, and exits 1: %s", async (variable) => {
    const first = await runGateway("http://127.0.0.1:1");
    const second = run(["serve"], { ...KEYS, ...FREE_PORTS, [variable]: first.grpc });
    expect(await second.ended).toBe(1);
    expect(second.stderr).toContain(first.grpc);
    expect(second.stderr).toMatch(
      new RegExp(`^${variable}: .*EADDRINUSE.*; stop the program that listens there, or set another port`),
    );
    expect(second.stderr.trim().split("\n")).toHaveLength(1);
    expect(second.stdout).toBe("");
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
  });

  it.each(["OTA_LISTEN", "OTA_ADMIN_LISTEN"])(
    "says what to do about an address it cannot have: %s",
    async (variable) => {
      const program = run(["serve"], { ...KEYS, ...FREE_PORTS, [variable]: "192.0.2.1:50051", OTA_INSECURE: "1" });
      expect(await program.ended).toBe(1);
      expect(program.stderr).toMatch(
        new RegExp(`^${variable}: .*EADDRNOTAVAIL.* 192\\.0\\.2\\.1:50051; set an address of this machine\n$`, "m"),
      );
    },
  );

  it("refuses to start without its audit log if that is asked for, and exits 2", async () => {
    const nowhere = { OTA_AUDIT_LOG: "/no/such/folder/audit.log", OTA_AUDIT_STRICT: "1" };
    const program = run(["serve"], { ...KEYS, ...FREE_PORTS, ...nowhere });
    expect(await program.ended).toBe(2);
    expect(program.stderr).toContain(
      "OTA_AUDIT_LOG: /no/such/folder/audit.log cannot be written (ENOENT); make it writable, or unset OTA_AUDIT_STRICT",
    );
  });

  it("warns of a misspelt variable, names the nearest, and starts all the same", async () => {
    const gateway = await runGateway("http://127.0.0.1:1", {
      OTA_LOGLEVEL: "debug",
      OTA_GATEWAY_SERVICE_HOST: "10.0.0.1",
      OTA_GATEWAY_PORT: "tcp://10.0.0.1:50051",
    });
    const warnings = gateway.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .flatMap(({ level, msg }) => (level === "warn" ? msg : []));
    expect(warnings).toEqual([expect.stringMatching(/^OTA_LOGLEVEL .* did you mean OTA_LOG_LEVEL\?$/)]);
  });
});

const random = seededRandom(4096);
const NOISE = Buffer.from(Array.from({ length: 4096 }, () => Math.floor(random() * 256)));

describe("a gateway that is sent rubbish", () => {
  let gateway: GatewayProgram;
  beforeAll(async () => {
    const emulator = await openEmulator({ devices: 100 });
    gateway = await runGateway(emulator.url);
    await gateway.opened();
  });

  it.each([
    ["noise", NOISE],
    ["an HTTP/1.1 request", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n")],
    ["the HTTP/2 preface and noise", Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), NOISE])],
  ])("drops the connection at %s", async (_, bytes) => {
    await closedAfter(gateway.grpc, bytes);
    await closedAfter(gateway.grpc, bytes);
  });

  it("drops an HTTP/2 request that is not gRPC", async () => {
    expect(await http2({ ":method": "GET", ":path": "/" })).toMatchObject({ ":status": 415 });
  });

  it("answers a message that is no protobuf, or cut short, with an error", async () => {
    const garbage = Buffer.from("ffffffffffffffff", "hex");
    expect(await http2(grpcHeaders(CANCEL), framed(garbage))).toMatchObject({ "grpc-status": "3" });
    expect(await http2(grpcHeaders(CANCEL), framed(garbage).subarray(0, 7))).toMatchObject({ "grpc-status": "12" });
    expect(await http2(grpcHeaders(CANCEL), Buffer.alloc(0))).toMatchObject({ "grpc-status": "12" });
  });

  it("answers an unknown method with UNIMPLEMENTED", async () => {
    expect(await http2(grpcHeaders("/ota.v1.OtaService/Nope"), framed(Buffer.alloc(0)))).toMatchObject({
      "grpc-status": "12",
    });
  });

  it("refuses a message of more than 4 MB", async () => {
    const Client = makeGenericClientConstructor({ cancel: bytesMethod(CANCEL) }, "ota.v1.OtaService");
    const client = new Client(gateway.grpc, credentials.createInsecure());
    const refused = new Promise<ServiceError>((resolve) =>
      client["cancel"]?.(Buffer.alloc(5e6), new Metadata(), resolve),
    );
    expect(await refused).toMatchObject({ code: 8 });
    client.close();
  });

  it("takes metadata that it does not like for none", async () => {
    const request = {
      ...grpcHeaders("/grpc.health.v1.Health/Check"),
      "x-ota-caller": "a b\u00e4",
      "odd!key": "secret-value",
    };
    expect(await http2(request, framed(Buffer.alloc(0)))).toMatchObject({ "grpc-status": "0" });
  });

  it("survives, serves on, and has not filled its log with it", async () => {
    const caller = createCaller(gateway.grpc);
    expect(await caller.cancel([seededName(1)]).answer).toMatchObject({ success: true });
    expect(await failureOf(caller.cancel([seededName(1)], { productKey: "" }).answer)).toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    caller.close();
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    const lines = gateway.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const warnings = lines.filter(({ level }) => level !== "info");
    expect(warnings.every(({ msg }) => msg === "connections or requests were refused")).toBe(true);
    // One for five seconds, and one at the end.
    const lastedMs = Date.parse(lines.at(-1).time) - Date.parse(lines[0].time);
    expect(warnings.length).toBeLessThanOrEqual(1 + Math.ceil(lastedMs / 5000));
    expect(gateway.stderr).not.toContain("secret-value");
  });

  /** Sends the bytes and resolves once the other side has closed the connection. */
  function closedAfter(address: string, bytes: Buffer): Promise<void> {
    const [host = "", port = ""] = address.split(":");
    return new Promise((resolve) => {
      const socket = connect(Number(port), host, () => socket.write(bytes));
      socket
        .resume()
        .on("error", () => {})
        .on("close", () => resolve());
    });
  }

  /** The headers and trailers that an HTTP/2 request is answered with. */
  function http2(headers: OutgoingHttpHeaders, body?: Buffer): Promise<Record<string, unknown>> {
    const session = connectHttp2(`http://${gateway.grpc}`);
    const received: Record<string, unknown> = {};
    return new Promise<Record<string, unknown>>((resolve, reject) => {
      session.on("error", reject);
      const request = session.request(headers);
      request.on("response", (answer) => Object.assign(received, answer));
      request.on("trailers", (trailers) => Object.assign(received, trailers));
      request
        .on("error", reject)
        .on("end", () => resolve(received))
        .resume();
      request.end(body);
    }).finally(() => session.close());
  }
});

function grpcHeaders(path: string): OutgoingHttpHeaders {
  return { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
}

/** One gRPC message. */
function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function bytesMethod(path: string) {
  const asIs = (bytes: Buffer) => bytes;
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
}
