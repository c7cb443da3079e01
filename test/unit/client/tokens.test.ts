// Tokens that cannot be sent, and clients that have been closed: what callers are told, and that no word of it is the
// token's.
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Client, connect, type DeviceResult, OtaError, type Token } from "../../../src/client/client.js";
import { GetQuotaResponse } from "../../../src/gen/ota/v1/ota_service.js";
import { accepted, answerOf, listenOta } from "../../support/fake-ota-service.js";
import { until } from "../../support/processes.js";

const SCOPE = { productKey: "a1", firmwareId: "f1" };
const REQUEST = { ...SCOPE, deviceNames: ["dev-0"] };
const SECRET = "eyJhbGciOi.SECRET";

interface World {
  readonly client: Client;
  /** What each rpc bore. */
  readonly seen: unknown[];
}

async function setUp(token?: Token): Promise<World> {
  const seen: unknown[] = [];
  const address = await listenOta({
    quota: ({ metadata }) => {
      seen.push(metadata.get("authorization")[0]);
      return GetQuotaResponse.fromPartial({});
    },
    stream: (call) => {
      seen.push(call.metadata.get("authorization")[0]);
      call.on("data", () => {});
      call.on("end", () => call.end());
    },
  });
  const client = connect(address, token === undefined ? {} : { token });
  onTestFinished(() => client.close());
  return { client, seen };
}

/** What a request and a list of devices are told. */
async function told(client: Client): Promise<{ errors: unknown[]; results: DeviceResult[] }> {
  const results: DeviceResult[] = [];
  const list = async () => {
    for await (const result of client.cancelAll(["dev-0", "dev-1"], SCOPE)) results.push(result);
  };
  const ends = await Promise.allSettled([client.cancelTasksByDevice(REQUEST), client.getQuota(), list()]);
  return { errors: ends.map((end) => (end.status === "rejected" ? end.reason : undefined)), results };
}

describe("connect", () => {
  it.each([
    ["a string", `${SECRET}\n`],
    ["a function", async () => ` ${SECRET}\r\n`],
  ])("sends a token that is %s without the line end of its file (was: an error that quoted it)", async (_, token) => {
    const { client, seen } = await setUp(token);
    await client.getQuota();
    expect(seen).toEqual([`Bearer ${SECRET}`]);
  });

  it.each([
    [`${SECRET}\n${SECRET}`, "U+000A"],
    [`${SECRET} x`, "U+0020"],
    [`${SECRET}\u00e9`, "U+00E9"],
    [`${SECRET}\0`, "U+0000"],
    [`${SECRET}\u200b`, "U+200B"],
    [`${SECRET}"`, "U+0022"],
  ])("says that a token cannot be sent, and where, and does not show it: %j", async (token, character) => {
    const { client, seen } = await setUp(async () => token);
    const { errors, results } = await told(client);
    for (const error of errors) expect(error).toBeInstanceOf(OtaError);
    const failure = {
      reason: "TRANSPORT",
      code: "UNAUTHENTICATED",
      message: /character that is not allowed: .* has U\+/,
    };
    const expected = { ...failure, message: expect.stringMatching(failure.message) };
    for (const error of errors) expect(error).toMatchObject(expected);
    expect(String(errors[0])).toContain(`has ${character} at ${SECRET.length + 1}`);
    expect(results).toHaveLength(2);
    for (const result of results) expect(result).toMatchObject({ outcome: "NOT_ATTEMPTED", failure: expected });
    expect(inspect({ errors, results }, { depth: 9 })).not.toContain("SECRET");
    expect(seen).toEqual([]);
  });

  it("tells the class and the code of what a token function throws, and leaves its words to the cause", async () => {
    const cause = Object.assign(new TypeError(`refused for ${SECRET}`), { code: "ENOENT" });
    const { client } = await setUp(() => Promise.reject(cause));
    const { errors, results } = await told(client);
    const message = "the token function failed: TypeError ENOENT";
    for (const error of errors) expect(error).toMatchObject({ code: "UNAUTHENTICATED", message, cause });
    expect(errors.every((error) => error instanceof OtaError)).toBe(true);
    expect(results.map(({ failure }) => failure?.message)).toEqual([message, message]);
    expect(JSON.stringify(results)).not.toContain("SECRET");
  });

  it("waits for a token no longer than its caller does (was: for ever)", async () => {
    const { client, seen } = await setUp(() => new Promise(() => {}));
    const giveUp = new AbortController();
    const given = client.getQuota("", { signal: giveUp.signal });
    giveUp.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    await expect(client.getQuota("", { signal: giveUp.signal })).rejects.toThrow("enough");
    const late = {
      reason: "TRANSPORT",
      code: "DEADLINE_EXCEEDED",
      message: "the token function did not answer within 1 ms",
    };
    await expect(client.cancelTasksByDevice(REQUEST, { timeoutMs: 1 })).rejects.toMatchObject(late);
    expect(seen).toEqual([]);
  });

  it("takes no caller's name that no header can carry", () => {
    for (const caller of ["Zo\u00e9", "a\nb", "a b"])
      expect(() => connect("localhost:1", { caller })).toThrow("visible ASCII");
  });

  it("answers what is under way when it is closed", async () => {
    let answer: (() => void) | undefined;
    let hasArrived = false;
    const address = await listenOta({
      cancel: ({ request }) => {
        hasArrived = true;
        return accepted(request.deviceNames);
      },
      stream: (call) => {
        call.on("data", ({ sequence, request }) => {
          answer = () => void call.write(answerOf(sequence, { response: accepted(request?.deviceNames ?? []) }));
        });
        call.on("end", () => call.end());
      },
    });
    const client = connect(address);
    const results = client.cancelAll(["dev-0"], SCOPE);
    const first = results.next();
    const single = client.cancelTasksByDevice(REQUEST);
    await until(() => hasArrived && answer !== undefined);
    client.close();
    answer?.();
    expect(await first).toMatchObject({ value: { deviceName: "dev-0", ok: true } });
    expect((await results.next()).done).toBe(true);
    expect((await single).success).toBe(true);
  });

  it("says CANCELLED of what is asked after close (was: UNAUTHENTICATED, or an error that is no OtaError)", async () => {
    let asked = 0;
    const { client, seen } = await setUp(() => {
      asked++;
      throw new Error("no token either");
    });
    client.close();
    const { errors, results } = await told(client);
    const closed = {
      reason: "ABORTED",
      code: "CANCELLED",
      message: "the client has been closed; create a new one with connect()",
    };
    for (const error of errors) expect(error).toBeInstanceOf(OtaError);
    for (const error of errors) expect(error).toMatchObject(closed);
    expect(results.map(({ outcome }) => outcome)).toEqual(["NOT_ATTEMPTED", "NOT_ATTEMPTED"]);
    for (const { failure } of results) expect(failure).toMatchObject(closed);
    expect([asked, seen]).toEqual([0, []]);
  });
});
