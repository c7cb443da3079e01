import { describe, expect, it } from "vitest";
import { readAnswer } from "../../../src/upstream/answer.js";

const read = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  readAnswer({ status, headers, body: typeof body === "string" ? body : JSON.stringify(body) }, ["testid"]).end;

const RequestId = "A01829CE-75A1-4920-B775-921146A1AB79";

describe("readAnswer", () => {
  it("takes Success for success, as a boolean, as a word, in XML and in lower case", () => {
    const accepted = { kind: "accepted", requestId: RequestId };
    expect(read(200, { RequestId, Success: true })).toEqual(accepted);
    expect(read(200, { RequestId, Success: "true" })).toEqual(accepted);
    expect(read(200, { code: "", requestId: RequestId, success: true })).toEqual(accepted);
    expect(read(200, `<XResponse><RequestId>${RequestId}</RequestId><Success>true</Success></XResponse>`)).toEqual(
      accepted,
    );
  });

  it("takes Success for success although a Code is there", () => {
    const body = { RequestId, Success: true, Code: "iot.system.SystemException", ErrorMessage: "系统异常" };
    expect(read(200, body).kind).toBe("accepted");
  });

  it("reads a refusal of the service, which comes with HTTP 200", () => {
    const body = { RequestId, Success: false, Code: "iot.device.NotExistedDevice", ErrorMessage: "No device d1." };
    expect(read(200, body)).toEqual({
      kind: "refused",
      requestId: RequestId,
      refusal: {
        code: "iot.device.NotExistedDevice",
        message: "No device d1.",
        reaction: { kind: "rejected", rejection: "not-found", deviceFault: true },
      },
    });
  });

  it("reads a refusal of the gateway in front, which has no Success and says Message", () => {
    const body = { RequestId, HostId: "x", Code: "Throttling.User", Message: "Request was denied.", Recommend: "x" };
    expect(read(400, body)).toMatchObject({
      kind: "refused",
      refusal: { code: "Throttling.User", message: "Request was denied.", reaction: { kind: "throttled" } },
    });
  });

  it("passes an unknown code on untouched", () => {
    expect(read(400, { RequestId, Code: "iot.never.SeenBefore" })).toMatchObject({
      refusal: { code: "iot.never.SeenBefore", reaction: { kind: "rejected", rejection: "precondition" } },
    });
  });

  it("does not claim success for an error status, whatever the body says", () => {
    expect(read(503, { RequestId, Success: true })).toMatchObject({
      kind: "refused",
      refusal: { reaction: { kind: "unavailable" } },
    });
  });

  it.each([
    ["an empty body", 200, ""],
    ["a proxy's page", 502, "<html><h1>502 Bad Gateway</h1></html>"],
    ["JSON without a RequestId", 200, '{"Success":true}'],
    ["an empty RequestId", 200, '{"RequestId":" ","Success":true}'],
    ["neither Success nor Code", 200, '{"RequestId":"A"}'],
  ])("calls it lost when %s came", (_, status, body) => {
    expect(read(status, body).kind).toBe("lost");
  });

  it("reads how long to wait, in ms, and no longer than a minute", () => {
    const wait = (headers: Record<string, string>) => {
      const end = read(400, { RequestId, Code: "Throttling" }, headers);
      return end.kind === "refused" ? end.refusal.retryAfterMs : "not refused";
    };
    expect(wait({ "x-acs-retry-after": "700" })).toBe(700);
    expect(wait({ "x-acs-retry-after": "99999999" })).toBe(60_000);
    expect(wait({ "x-acs-retry-after": "0" })).toBeUndefined();
    expect(wait({ "x-acs-retry-after": "-5" })).toBeUndefined();
    expect(wait({ "x-acs-retry-after": "soon" })).toBeUndefined();
    expect(wait({})).toBeUndefined();
    expect(wait({ "x-ratelimit-user-api": "Limit:1,Remain:0,TimeLeft:2000,Reset:1234" })).toBe(2000);
    expect(wait({ "x-ratelimit-user-api": "Limit:9,Remain:3,TimeLeft:2000,Reset:1234" })).toBeUndefined();
  });

  it("tells which faults of our own can be cured, and leaves them unrecovered", () => {
    const reading = (Code: string) =>
      readAnswer({ status: 400, headers: {}, body: JSON.stringify({ RequestId, Code }) });
    expect(reading("InvalidTimeStamp.Expired").recovery).toBe("clock");
    expect(reading("InvalidSecurityToken.Expired").recovery).toBe("credentials");
    expect(reading("SignatureDoesNotMatch").recovery).toBe("credentials");
    expect(reading("IllegalTimestamp").recovery).toBe("clock");
    expect(reading("InvalidSignatureMethod").recovery).toBe("none");
    expect(reading("SignatureDoesNotMatch").end).toMatchObject({
      refusal: { reaction: { kind: "internal", recovered: false } },
    });
  });

  it("reads from the text which parameter is meant, where the code does not say it", () => {
    const Message = 'The input parameter "TimeStamp" that is mandatory for processing this request is not supplied';
    const body = JSON.stringify({ RequestId, Code: "MissingParameter", Message });
    expect(readAnswer({ status: 400, headers: {}, body }).recovery).toBe("clock");
  });

  it("keeps the key out of the text", () => {
    const body = { RequestId, Code: "InvalidAccessKeyId.NotFound", Message: "testid is not found" };
    expect(JSON.stringify(read(404, body))).not.toContain("testid");
    const words = { RequestId: "a-testid-b", Code: "NoSuchKey.testid" };
    expect(JSON.stringify(read(404, words))).not.toContain("testid");
  });
});
