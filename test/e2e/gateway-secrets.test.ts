// Whatever happens, no log line, span or error text holds a device name or a key. The process says all it can
// say: the log at `trace`, every span on the console, and an upstream that quotes all it was sent.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createCaller } from "../support/grpc-caller.js";
import { failureOf } from "../support/grpc-failure.js";
import {
  type HttpUpstream,
  startHttpUpstream,
  type UpstreamAnswer,
  type UpstreamCall,
} from "../support/http-upstream.js";
import { endPrograms, run, runGateway } from "../support/processes.js";

const SECRET = "TheSecretOfTheKey42";
const KEY_ID = "LTAI5tTheIdOfTheKey";
const DEVICE = "camera-of-somebody";

/** How the upstream ends a call, by its firmware. It quotes the devices, the key and the signed address. */
function answerTo({ parameters, deviceNames, headers }: UpstreamCall): UpstreamAnswer | undefined {
  const quoted = `${deviceNames.join(", ")} ${KEY_ID} ${SECRET} ${headers["authorization"]} http://iot/?DeviceName.1=x`;
  const refusal = (status: number, code: string) => ({
    status,
    fields: { Success: false, Code: code, ErrorMessage: `What of ${quoted}`, Message: `What of ${quoted}` },
  });
  if (String(headers["x-acs-action"]).startsWith("Batch")) return refusal(403, "Forbidden.RAM");
  switch (parameters.get("FirmwareId")) {
    case "good":
      return {};
    case "unknown-device":
      return refusal(200, "iot.device.NotExistedDevice");
    case "bad-signature":
      return refusal(400, "SignatureDoesNotMatch");
    case "bad-key":
      return refusal(404, "InvalidAccessKeyId.NotFound");
    case "throttled":
      return refusal(503, "Throttling.User");
    case "broken":
      return refusal(500, "InternalError");
    case "no-request-id":
      return { status: 502, fields: { RequestId: "", Message: quoted } };
    default:
      return undefined;
  }
}

let upstream: HttpUpstream | undefined;
afterEach(async () => {
  await endPrograms();
  await upstream?.close();
});

describe("ota-gateway serve at OTA_LOG_LEVEL=trace", () => {
  it("shows no device name and no key, in no log line, no span and no error text", async () => {
    upstream = await startHttpUpstream(answerTo);
    const gateway = await runGateway(upstream.url, {
      ALIBABA_CLOUD_ACCESS_KEY_ID: KEY_ID,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: SECRET,
      OTA_LOG_LEVEL: "trace",
      OTA_UPSTREAM_TIMEOUT_MS: "700",
      OTEL_TRACES_EXPORTER: "console",
      OTA_DRAIN_TIMEOUT_MS: "100",
    });
    const [a, b] = [createCaller(gateway.grpc), createCaller(gateway.grpc)];
    const nameOf = (n: number) => `${DEVICE}-${n}`;

    const texts: string[] = [];
    const both = async (firmwareId: string) => {
      const rpcs = [a.cancel([nameOf(1)], { firmwareId }, 6000), b.cancel([nameOf(2)], { firmwareId }, 6000)];
      for (const [n, { answer }] of rpcs.entries()) {
        const failure = await failureOf(answer);
        expect(failure.devices.map(({ resourceName }) => resourceName)).toEqual([nameOf(n + 1)]);
        texts.push(JSON.stringify({ ...failure, devices: [] }));
      }
    };
    const endings = ["unknown-device", "bad-signature", "bad-key", "broken", "no-request-id", "hanging"];
    await Promise.all(endings.map(both));
    await both("throttled"); // by itself: it pauses the account, and the others would run out of time

    // A caller gets the upstream's text about its own device, and nothing about another's.
    const mixed = [a, b].map((caller, n) =>
      caller.cancel([nameOf(3), nameOf(4 + n)], { firmwareId: "unknown-device", requireAll: false, jobId: "job" }),
    );
    for (const { answer } of mixed) texts.push((await failureOf(answer)).message);

    expect(await a.cancel([nameOf(1), nameOf(2)], { firmwareId: "good" }).answer).toMatchObject({ success: true });
    const invalid = await failureOf(a.cancel([`${DEVICE} ${DEVICE}`, nameOf(1), nameOf(1)]).answer);
    texts.push(JSON.stringify(invalid));
    const left = a.cancel([nameOf(1)], { firmwareId: "hanging" });
    const drained = b.cancel([nameOf(1)], { firmwareId: "hanging" });
    await b.cancel([nameOf(1)], { validateOnly: true }).answer;
    left.leave();
    gateway.kill("SIGTERM");
    texts.push((await failureOf(drained.answer)).message);
    expect(await gateway.ended).toBe(0);
    for (const caller of [a, b]) caller.close();

    // All kinds of end happened, and were reported.
    expect(new Set(upstream.calls.map(({ parameters }) => parameters.get("FirmwareId")))).toEqual(
      new Set([...endings, "throttled", "good", undefined]), // undefined: the readings
    );
    expect(gateway.stdout).toContain("CancelOTATaskByDevice");
    expect(gateway.stderr).toContain('"SignatureDoesNotMatch"');
    for (const printed of [gateway.stdout, gateway.stderr, ...texts]) {
      for (const secret of [DEVICE, SECRET, KEY_ID, "Signature="]) expect(printed).not.toContain(secret);
    }
    for (const line of gateway.stderr.trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  });

  it("prints no keys for DEBUG, with which libraries would print what they send and are answered", async () => {
    upstream = await startHttpUpstream(answerTo);
    const vendor = createServer((_, response) => {
      const keys = { AccessKeyId: KEY_ID, AccessKeySecret: SECRET, SecurityToken: `${SECRET}-token` };
      response.end(JSON.stringify({ ...keys, Expiration: "2099-01-01T00:00:00Z" }));
    }).listen(0, "127.0.0.1");
    await once(vendor, "listening");
    const gateway = run(["serve"], {
      OTA_LISTEN: "127.0.0.1:0",
      OTA_ADMIN_LISTEN: "127.0.0.1:0",
      OTA_UPSTREAM_URL: upstream.url,
      OTA_REDIS_URL: `redis://:${SECRET}@127.0.0.1:9`,
      ALIBABA_CLOUD_ECS_METADATA_DISABLED: "true",
      ALIBABA_CLOUD_CREDENTIALS_URI: `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`,
      DEBUG: "*",
    });
    await gateway.said(/^ota-gateway ready/m);
    vendor.close();
    expect(gateway.stderr).toContain("DEBUG is ignored");
    expect(gateway.stderr).not.toMatch(/httpx|ioredis/);
    expect(gateway.stderr).not.toContain(SECRET);
  });

  it("tells a caller in the words of the upstream what concerns it, freed of others' devices and of keys", async () => {
    // The first 200 are taken, so that the request is OK and the call with the bad one can be looked at.
    let calls = 0;
    upstream = await startHttpUpstream((call) => (calls++ === 0 ? {} : answerTo(call)));
    const gateway = await runGateway(upstream.url, {
      ALIBABA_CLOUD_ACCESS_KEY_ID: KEY_ID,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: SECRET,
    });
    const [a, b] = [createCaller(gateway.grpc), createCaller(gateway.grpc, { "x-ota-caller": "b" })];
    const scope = { firmwareId: "unknown-device" };
    const names = Array.from({ length: 201 }, (_, n) => `${DEVICE}-${n}`);
    const [ofA, ofB] = [a.cancel(names, scope), b.cancel(["another-of-b"], scope)];
    const { calls: records } = await ofA.answer;
    await ofB.answer.catch(() => {});
    for (const caller of [a, b]) caller.close();
    const { errorMessage } = records.at(-1) ?? { errorMessage: "" };
    expect(errorMessage).toMatch(/^What of /);
    expect(errorMessage).not.toContain("another-of-b");
    for (const secret of [SECRET, KEY_ID, "http://"]) expect(errorMessage).not.toContain(secret);
    expect(errorMessage).not.toMatch(/[0-9a-f]{40}/); // the signature
  });
});
