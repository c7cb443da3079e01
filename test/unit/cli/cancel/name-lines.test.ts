import { describe, expect, it, onTestFinished } from "vitest";
import { type NameFormat, nameLines } from "../../../../src/cli/cancel/name-lines.js";

/** In pieces of a few characters, as a pipe may give it. */
async function* pieces(text: string, size = 7): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
}

async function read(
  text: string,
  { format, column, size }: { format?: NameFormat; column?: string; size?: number } = {},
) {
  const lines: string[] = [];
  for await (const { line, name } of nameLines(pieces(text, size), format, column)) lines.push(`${line} ${name}`);
  return lines;
}

describe("nameLines", () => {
  it("reads a name a line, past empty lines, comments, spaces, a byte order mark and Windows' line ends", async () => {
    expect(await read("\ufeffdev-0\r\n\r\n# a comment\n  dev-1 \ndev-2")).toEqual(["1 dev-0", "4 dev-1", "5 dev-2"]);
  });

  it("reads JSON lines: strings, and objects by their key", async () => {
    expect(await read('"dev-0"\n{"device_name":"dev-1"}\n{"x":1}\n{torn\n', { size: 400 })).toEqual([
      "1 dev-0",
      "2 dev-1",
      "3 undefined",
      "4 undefined",
    ]);
    expect(await read('{"id":"dev-0"}', { column: "id", size: 400 })).toEqual(["1 dev-0"]);
  });

  it("reads CSV by the name of a column, however it is written, with quotes and line ends in fields", async () => {
    const csv = 'id,"Device Name"\n1,dev-0\n"2\nb","dev-1"\n';
    expect(await read(csv, { format: "csv" })).toEqual(["2 dev-0", "4 dev-1"]);
    expect(await read(csv, { column: "device-name", size: 400 })).toHaveLength(2);
  });

  it("counts the lines of CSV that was put together from several systems (was: one too many after each CR LF)", async () => {
    const csv = "device_name\ndev-0\r\ndev-1\ndev-2\r\ndev-3";
    expect(await read(csv, { format: "csv" })).toEqual(["2 dev-0", "3 dev-1", "4 dev-2", "5 dev-3"]);
    expect(await read(csv.replaceAll(/\r?\n/g, "\r"), { format: "csv", size: 400 })).toHaveLength(4);
  });

  it("reads a long CSV without leaving a listener for each pause: Node warned of a leak", async () => {
    const warnings: string[] = [];
    const warned = ({ message }: Error) => warnings.push(message);
    process.on("warning", warned);
    onTestFinished(() => void process.off("warning", warned));
    const csv = `device_name\n${"dev-0\n".repeat(200_000)}`;
    expect(await read(csv, { format: "csv", size: 65_536 })).toHaveLength(200_000);
    expect(warnings).toEqual([]);
  });

  it("reads CSV without a header by the number of a column", async () => {
    expect(await read("a,dev-0\nb,dev-1\nc\n", { format: "csv", column: "2" })).toEqual([
      "1 dev-0",
      "2 dev-1",
      "3 undefined",
    ]);
  });

  it("names the columns there are, if none is the one asked for", async () => {
    await expect(read("id,serial\n1,2\n", { format: "csv" })).rejects.toThrow(
      'has no column "device_name"; choose one with --column (id, serial), or give its number',
    );
  });

  it("says what is wrong with a text that is not UTF-8", async () => {
    await expect(read("d\0e\0v\0-\0")).rejects.toThrow("save it as UTF-8");
    expect(await read("")).toEqual([]);
  });

  it("says so if what should be CSV is none", async () => {
    await expect(read('device_name\n"dev-0', { format: "csv" })).rejects.toThrow("is not CSV");
  });

  it("says of each line without a name why there is none (was: an empty name)", async () => {
    const problems: unknown[] = [];
    const long = "x".repeat(70_000);
    const text = `{"device_name":"dev-0"}\n{"x":1}\n{torn\n17\n["dev-1"]\nnull\n{"device_name":17}\n${long}\n`;
    for await (const { problem } of nameLines(pieces(text, 4000), undefined, undefined)) problems.push(problem);
    const noKey = 'has no key "device_name"; name the key with --column KEY';
    const other = "is neither a JSON object nor a JSON string";
    expect(problems).toEqual([
      ...[undefined, noKey, "is not JSON", other, other, other],
      ...['has no string in "device_name"', "is longer than 65,536 characters"],
    ]);
    const csv: unknown[] = [];
    for await (const { problem } of nameLines(pieces("a,dev-0\nb\n"), "csv", "2")) csv.push(problem);
    expect(csv).toEqual([undefined, "has no such column"]);
  });
});
