import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFields } from "../../../src/upstream/fields.js";

const read = (body: string) => Object.fromEntries(readFields(body));

describe("readFields", () => {
  it("reads a JSON object with keys in lower case and values as text", () => {
    expect(read(' {"RequestId":"A","success":true,"CODE":200,"Data":{"x":1},"ErrorMessage":null}')).toEqual({
      requestid: "A",
      success: "true",
      code: "200",
    });
  });

  it("reads the XML that the operation answers with", () => {
    const body =
      "<CancelOTATaskByDeviceResponse><RequestId>A01829CE</RequestId><Success>true</Success></CancelOTATaskByDeviceResponse>";
    expect(read(body)).toEqual({ requestid: "A01829CE", success: "true" });
  });

  it("reads the XML of the gateway in front of all products, entities and all", () => {
    const body = `<?xml version='1.0' encoding='UTF-8'?>
      <Error>
        <RequestId>8906582E</RequestId><HostId/>
        <Code>Missing&#46;X</Code>
        <Message>&lt;a&gt; &amp;amp; &quot;b&quot; &#x4e2d; &unknown;</Message>
      </Error>`;
    expect(read(body)).toEqual({ requestid: "8906582E", code: "Missing.X", message: '<a> &amp; "b" 中 &unknown;' });
  });

  it("passes over what lies deeper", () => {
    expect(read("<XResponse><Data><RequestId>no</RequestId></Data><RequestId>yes</RequestId></XResponse>")).toEqual({
      requestid: "yes",
    });
  });

  it.each([
    ["nothing", ""],
    ["a page of some proxy", "<html><body><RequestId>A</RequestId></body></html>"],
    ["half a JSON object", '{"RequestId":"A","Success":true'],
    ["half an XML element", "<Error><RequestId>A</RequestId><Code>Th"],
    ["an XML element with text around its fields", "<Error>x<RequestId>A</RequestId></Error>"],
    ["a JSON array", '[{"RequestId":"A"}]'],
    ["a JSON string", '"RequestId"'],
    ["plain text", "Bad Gateway"],
    ["a document type", '<!DOCTYPE Error [<!ENTITY x "y">]><Error><RequestId>&x;</RequestId></Error>'],
  ])("finds no fields in %s", (_, body) => {
    expect(read(body)).toEqual({});
  });

  it("never throws, and cut anywhere a body has no fields", () => {
    const body = '{"RequestId":"A","Success":true}';
    const xml = "<Error><RequestId>A</RequestId><Code>C</Code></Error>";
    fc.assert(
      fc.property(fc.string(), fc.nat(body.length - 1), fc.nat(xml.length - 1), (noise, a, b) => {
        readFields(noise);
        readFields(`<Error>${noise}</Error>`);
        expect(read(body.slice(0, a))).toEqual({});
        expect(read(xml.slice(0, b))).toEqual({});
      }),
    );
  });
});
