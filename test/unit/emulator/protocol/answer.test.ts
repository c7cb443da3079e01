import { describe, expect, it } from "vitest";
import { encode } from "../../../../src/emulator/protocol/answer.js";

const DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>";

describe("encode", () => {
  it("writes the documented success as JSON", () => {
    const fields = { RequestId: "A01829CE-75A1-4920-B775-921146A1AB79", Success: true };
    expect(encode({ status: 200, root: "CancelOTATaskByDeviceResponse", fields }, "JSON")).toEqual({
      contentType: "application/json;charset=utf-8",
      body: '{"RequestId":"A01829CE-75A1-4920-B775-921146A1AB79","Success":true}',
    });
  });

  it("writes the documented success as XML, under the content type that the SDK insists on", () => {
    const fields = { RequestId: "A01829CE-75A1-4920-B775-921146A1AB79", Success: true };
    expect(encode({ status: 200, root: "CancelOTATaskByDeviceResponse", fields }, "XML")).toEqual({
      contentType: "text/xml;charset=utf-8",
      body: `${DECLARATION}<CancelOTATaskByDeviceResponse><RequestId>A01829CE-75A1-4920-B775-921146A1AB79</RequestId><Success>true</Success></CancelOTATaskByDeviceResponse>`,
    });
  });

  it("repeats a list's element in XML, nested or not", () => {
    const fields = { Data: { SimpleOTATaskInfo: [{ TaskId: "a" }, { TaskId: "b" }] }, Total: 2 };
    expect(encode({ status: 200, root: "R", fields }, "XML").body).toBe(
      `${DECLARATION}<R><Data><SimpleOTATaskInfo><TaskId>a</TaskId></SimpleOTATaskInfo><SimpleOTATaskInfo><TaskId>b</TaskId></SimpleOTATaskInfo></Data><Total>2</Total></R>`,
    );
  });

  it("escapes text in XML", () => {
    const fields = { Message: `a < b & "c" > d` };
    expect(encode({ status: 400, root: "Error", fields }, "XML").body).toBe(
      `${DECLARATION}<Error><Message>a &lt; b &amp; "c" &gt; d</Message></Error>`,
    );
  });
});
