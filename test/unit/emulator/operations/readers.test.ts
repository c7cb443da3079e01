import { describe, expect, it } from "vitest";
import {
  list,
  orElse,
  type Reader,
  readFlag,
  readOneOf,
  records,
  required,
  text,
  whole,
} from "../../../../src/emulator/operations/readers.js";

const read = <T>(reader: Reader<T>, value: string) => reader.read(new Map([["Name", value]]), "Name");
const readAll = <T>(reader: Reader<T>, parameters: Record<string, string>) =>
  reader.read(new Map(Object.entries(parameters)), "Name");
const withCode = (code: string) => expect.objectContaining({ code, status: 400 }) as Error;

describe("list", () => {
  it("orders the values by number, not by the bytes of their names", () => {
    expect(readAll(list(9), { "Name.10": "c", "Name.2": "b", "Name.1": "a" })).toEqual(["a", "b", "c"]);
  });

  it("takes nothing that only looks like its elements, whose names are exact", () => {
    const alike = ["Name", "Name.", "Name.0", "Name.x", "Name.01", "Names.1", "name.1", "Name.1.Key"];
    expect(readAll(list(9), Object.fromEntries(alike.map((name) => [name, name])))).toEqual([]);
  });

  it("refuses more than its limit", () => {
    expect(() => readAll(list(1), { "Name.1": "a", "Name.2": "b" })).toThrow(withCode("InvalidName"));
  });
});

describe("records", () => {
  it("gathers the fields of each number", () => {
    const tags = records(2, ["Key", "Value"]);
    expect(readAll(tags, { "Name.2.Key": "b", "Name.1.Value": "1", "Name.1.Key": "a", "Name.1.Other": "x" })).toEqual([
      { Key: "a", Value: "1" },
      { Key: "b", Value: undefined },
    ]);
  });
});

describe("required", () => {
  it("takes an empty value for a missing one", () => {
    const missing = expect.objectContaining({
      code: "MissingName",
      message: "Name is mandatory for this action.",
    }) as Error;
    expect(() => read(required(text()), "")).toThrow(missing);
    expect(() => readAll(required(text()), {})).toThrow(missing);
    expect(() => readAll(required(list(9)), {})).toThrow(missing);
  });
});

describe("orElse", () => {
  it("stands in for what is absent, never for what is wrong", () => {
    expect(readAll(orElse(whole(1, 9), 5), {})).toBe(5);
    expect(() => read(orElse(whole(1, 9), 5), "10")).toThrow(withCode("InvalidName"));
  });
});

describe("the other readers", () => {
  it("take values within their bounds", () => {
    expect(read(whole(0, 1440), "1440")).toBe(1440);
    expect([read(readFlag(), "true"), read(readFlag(), "False")]).toEqual([true, false]);
    expect(read(readOneOf(["ALL", "GRAY"]), "GRAY")).toBe("GRAY");
    expect(read(text(/^a/), "abc")).toBe("abc");
  });

  it.each<[Reader<unknown>, string]>([
    [whole(0, 1440), "1441"],
    [whole(0, 1440), "1.5"],
    [whole(0, 1440), "1e3"],
    [whole(0, 1440), " 5"],
    [readFlag(), "1"],
    [readOneOf(["ALL", "GRAY"]), "all"],
    [text(/^a/), "b"],
  ])("refuse values outside (%#)", (reader, value) => {
    expect(() => read(reader, value)).toThrow(withCode("InvalidName"));
  });
});
