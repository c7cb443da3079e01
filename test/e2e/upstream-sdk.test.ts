// Independent proof that requests are signed as the upstream expects: with the same date and nonce,
// our client signs exactly like the official ones.
import { createServer, type IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import RPCClient from "@alicloud/pop-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CANCEL_BY_DEVICE } from "../../src/upstream/device-operations.js";
import { makeRequest } from "../../src/upstream/request.js";
import { EMPTY_BODY_SHA256, signV1, signV3 } from "../../src/upstream/signature.js";

// By `require`, for Node and vitest differ in what the default import of a module like this one is.
const iot = createRequire(import.meta.url)("@alicloud/iot20180120") as typeof import("@alicloud/iot20180120");

const secret = "testsecret";
const scope = {
  iotInstanceId: "iot-abc",
  productKey: "a1V4kde****",
  firmwareId: "T0F5b5tpFnHQrgfk****030100",
  jobId: "wah!'()~ Äü中",
};
const deviceNames = ["deviceName1", "dev:ice@2.x-y_z", ...Array.from({ length: 10 }, (_, n) => `device_${n}`)];
const parameters = Object.fromEntries([
  ["ProductKey", scope.productKey],
  ["FirmwareId", scope.firmwareId],
  ["JobId", scope.jobId],
  ["IotInstanceId", scope.iotInstanceId],
  ...deviceNames.map((name, n) => [`DeviceName.${n + 1}`, name]),
]) as Record<string, string>;

interface Recorded {
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly body: string;
}

let recorded: Recorded;
let port = 0;
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  recorded = { request, body, query: new URL(request.url ?? "", "http://x").searchParams };
  response.setHeader("content-type", "application/json").end('{"RequestId":"R","Success":true}');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address ? address.port : 0;
});
afterAll(() => server.close().closeAllConnections());

async function sendByOfficialSdk(more: object): Promise<void> {
  const config = {
    accessKeyId: "testid",
    accessKeySecret: secret,
    regionId: "cn-shanghai",
    endpoint: `127.0.0.1:${port}`,
    protocol: "http",
    ...more,
  };
  type Config = ConstructorParameters<typeof iot.default>[0];
  const client = new iot.default(config as Config);
  const answer = await client.cancelOTATaskByDevice(
    new iot.CancelOTATaskByDeviceRequest({ ...scope, deviceName: deviceNames }),
  );
  expect(answer.body?.success).toBe(true);
}

describe("the official SDK's V3 request", () => {
  it.each([
    ["with lasting keys", {}, undefined],
    ["with temporary keys", { securityToken: "STS-TOKEN" }, "STS-TOKEN"],
  ])("%s carries the signature that ours gives for it", async (_, more, securityToken) => {
    await sendByOfficialSdk(more);
    const { headers, method = "" } = recorded.request;
    const signed = Object.entries(headers).filter(([name]) => name === "host" || name.startsWith("x-acs-"));
    const request = {
      method,
      path: "/",
      query: recorded.query,
      headers: Object.fromEntries(signed.map(([name, value]) => [name, String(value)])),
      bodySha256: EMPTY_BODY_SHA256,
    };
    expect(headers.authorization).toContain(`,Signature=${signV3(request, secret)}`);

    // And the request that we would have sent at that time differs in nothing but who provided the keys.
    const ours = makeRequest(CANCEL_BY_DEVICE.of(scope, deviceNames), {
      url: new URL(`http://127.0.0.1:${port}`),
      credentials: { accessKeyId: "testid", accessKeySecret: secret, ...(securityToken ? { securityToken } : {}) },
      wallMs: Date.parse(String(headers["x-acs-date"])),
      nonce: String(headers["x-acs-signature-nonce"]),
    });
    const acs = (from: object) =>
      Object.fromEntries(
        Object.entries(from).filter(([name]) => /^(host|accept|x-acs-(?!credentials-provider).*)$/.test(name)),
      );
    expect(acs(ours.headers)).toEqual(acs(headers));
    expect(new URL(ours.path, "http://x").searchParams.toString()).toBe(sorted(recorded.query).toString());
  });
});

describe("V1 requests", () => {
  it("of the official SDK carry the signature that ours gives for them", async () => {
    await sendByOfficialSdk({ signatureAlgorithm: "v2" });
    expectV1Signature();
  });

  it.each(["GET", "POST"])("of pop-core by %s carry the signature that ours gives for them", async (method) => {
    const client = new RPCClient({
      accessKeyId: "testid",
      accessKeySecret: secret,
      endpoint: `http://127.0.0.1:${port}`,
      apiVersion: "2018-01-20",
    });
    await client.request("CancelOTATaskByDevice", parameters, { method });
    expectV1Signature();
  });
});

function expectV1Signature(): void {
  const { request, query, body } = recorded;
  const all = [...query, ...new URLSearchParams(body)];
  const signature = all.find(([name]) => name === "Signature")?.[1];
  const signed = all.filter(([name]) => name !== "Signature");
  expect(signature).toBe(signV1(request.method ?? "", signed, secret));
}

function sorted(query: URLSearchParams): URLSearchParams {
  const copy = new URLSearchParams(query);
  copy.sort();
  return copy;
}
