import { describe, expect, it } from "vitest";
import { jsonFieldsOf, readJsonFields } from "../../../src/upstream/json-fields.js";

describe("readJsonFields", () => {
  it("reads fields whatever the letter case of their names, behind a byte order mark too", () => {
    expect(readJsonFields('\uFEFF{"Total":2,"data":{"Row":[1]}}')).toEqual({ total: 2, data: { Row: [1] } });
  });

  it.each(["", "<Total>2</Total>", '{"Total":2', "[1]", "null", '"text"', "2"])("finds none in %j", (body) => {
    expect(readJsonFields(body)).toBeUndefined();
  });
});

describe("jsonFieldsOf", () => {
  it("reads those of an object inside, and of nothing else", () => {
    expect(jsonFieldsOf({ JobId: "j", jobStatus: "CANCELED" })).toEqual({ jobid: "j", jobstatus: "CANCELED" });
    expect([undefined, null, [{}], "text", 7].map(jsonFieldsOf)).toEqual(Array(5).fill(undefined));
  });
});
