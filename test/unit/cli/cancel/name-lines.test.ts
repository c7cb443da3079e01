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

/** What a list is taken for, and the names in it. */
async function taken(text: string, options: { format?: NameFormat; column?: string; size?: number } = {}) {
  const told: string[] = [];
  const found: (string | undefined)[] = [];
  const lines = nameLines(pieces(text, options.size), options.format, options.column, (each) => void told.push(each));
  for await (const { name, problem } of lines) found.push(problem ?? name);
  expect(told).toHaveLength(1);
  return [told[0], ...found];
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

describe("nameLines, of lists as spreadsheets and consoles write them", () => {
  it.each([
    [
      "semicolons, as in half of Europe",
      "DeviceName;Site\ndev-0;Bonn, 2\n",
      'CSV, separated by semicolons, names in column 1 "DeviceName" of 2',
    ],
    ["tabs", "Site\tDevice Name\n\tdev-0\n", 'CSV, separated by tabs, names in column 2 "Device Name" of 2'],
    ["bars", "id|deviceName\n1|dev-0\n", 'CSV, separated by bars, names in column 2 "deviceName" of 2'],
    [
      "a line that says so",
      "sep=;\nDeviceName;Note\ndev-0;a,b,c\n",
      'CSV, separated by semicolons, names in column 1 "DeviceName" of 2',
    ],
    [
      "a tab that a line says",
      "sep=\t\nNote, long\tDeviceName\na\tdev-0\n",
      'CSV, separated by tabs, names in column 2 "DeviceName" of 2',
    ],
    ["commas within quotes", '"a;b;c",DeviceName\nx,dev-0\n', 'CSV, names in column 2 "DeviceName" of 2'],
    ["the vendor's words", "设备名称,备注名称\ndev-0,备注\n", 'CSV, names in column 1 "设备名称" of 2'],
    [
      "a word with a remark",
      "DeviceName（必填）,NickName\ndev-0,x\n",
      'CSV, names in column 1 "DeviceName（必填）" of 2',
    ],
    ["a better title after a worse one", "name,DeviceName\nLamp,dev-0\n", 'CSV, names in column 2 "DeviceName" of 2'],
    [
      "comments",
      "# exported today, at noon\nDeviceName,Site\n# the first, of many\ndev-0,x\n",
      'CSV, names in column 1 "DeviceName" of 2',
    ],
    ["one column with a trailing comma", "dev-0,\n", "CSV, names in column 1 of 2, no header"],
  ])("reads %s", async (_, text, told) => {
    for (const format of [undefined, "csv"] as const) {
      for (const size of [1, 7, 400]) {
        expect(await taken(text, { ...(format && { format }), size })).toEqual([told, "dev-0"]);
      }
    }
  });

  it("takes a first line that cannot be a device for a header (was: sent to the cloud)", async () => {
    const told = 'CSV, names in column 1 "name" of 2';
    expect(await taken("name,status\ndev-0,x\ndev-1,y\n", { column: "1" })).toEqual([told, "dev-0", "dev-1"]);
    const other = 'CSV, names in column 2 "serial" of 2';
    expect(await taken("id,serial\n1,dev-0\n", { column: "2" })).toEqual([other, "dev-0"]);
    const invalid = 'CSV, names in column 1 "Gerät" of 2';
    expect(await taken("Gerät,Ort\ndev-0,x\n", { column: "1" })).toEqual([invalid, "dev-0"]);
    expect(await taken("device_name\ndev-0\n")).toEqual(['text, one name a line below "device_name"', "dev-0"]);
    expect(await taken("serial\ndev-0\n", { format: "csv" })).toEqual(['CSV, names in column 1 "serial"', "dev-0"]);
  });

  it("takes no device for a header", async () => {
    const told = "CSV, names in column 1 of 2, no header";
    expect(await taken("dev-0,status\ndev-1,status\n", { column: "1" })).toEqual([told, "dev-0", "dev-1"]);
    expect(await taken("gateway\nkitchen\n", { format: "csv" })).toEqual([
      "CSV, names in column 1, no header",
      "gateway",
      "kitchen",
    ]);
  });

  it("asks where it takes the user to know, and says how the fields were told apart", async () => {
    await expect(read("id;serial\n1;2\n", { format: "csv" })).rejects.toThrow(
      'choose one with --column (id, serial), or give its number. Fields are taken to be separated by semicolons; a first line "sep=," would say commas',
    );
    await expect(read("dev-0,online\n")).rejects.toThrow("choose one with --column (dev-0, online)");
    await expect(read("dev-0,online\ndev-1,offline\n")).rejects.toThrow("choose one with --column (dev-0, online)");
  });

  it("skips the empty lines at the end of a sheet, which have separators", async () => {
    expect((await taken("DeviceName;Site\ndev-0;x\n;\n ; \n")).slice(1)).toEqual(["dev-0"]);
  });

  it("reads the vendor's own lists, names with commas between them", async () => {
    expect(await taken("dev-0,dev-1,dev-2\n")).toEqual([
      "CSV of a single line, 3 names separated by commas",
      ...["dev-0", "dev-1", "dev-2"],
    ]);
  });

  it('reads past stray quotes in other columns (was: "cannot be read")', async () => {
    const csv = 'DeviceName,Note\ndev-0,5" display\ndev-1,"6" display"\ndev-2, "big" one\n "dev-3" , "a, b" \n';
    expect((await taken(csv)).slice(1)).toEqual(["dev-0", "dev-1", "dev-2", "dev-3"]);
  });

  it("says so of lines that a stray quote has swallowed", async () => {
    const csv = 'DeviceName,Note\ndev-0,"5 inch\ndev-1,"6 inch"\ndev-2,"two\nlines"\n';
    expect((await taken(csv)).slice(1)).toEqual([
      "dev-0",
      "ends a quoted field that holds whole lines; remove the stray quote, or their devices are left out",
      "dev-2",
    ]);
  });

  it("reads JSON lines by the key in any of its spellings", async () => {
    const lines = ["DeviceName", "deviceName", "device_name", "device-name", "name"].map(
      (key, n) => `{"${key}":"dev-${n}"}`,
    );
    expect(await taken(`${lines.join("\n")}\n`)).toEqual([
      'JSON lines, names under the key "DeviceName"',
      ...["dev-0", "dev-1", "dev-2", "dev-3", "dev-4"],
    ]);
    expect((await taken('{"name":"Lamp","DeviceName":"dev-0"}\n'))[1]).toBe("dev-0");
    expect((await taken('{"Serial":"dev-0"}\n', { column: "serial" }))[1]).toBe("dev-0");
  });

  it("reads JSON documents: arrays, and answers of the vendor's API", async () => {
    expect(await taken('["dev-0",\n "dev-1", 7]')).toEqual([
      ...["JSON, a list of names", "dev-0", "dev-1", "is neither a JSON object nor a JSON string"],
    ]);
    const answer = { Data: { SimpleOTATaskInfo: [{ DeviceName: "dev-0" }, { DeviceName: "dev-1" }] }, Success: true };
    const told = (format: string) => [`${format}, names under the key "DeviceName"`, "dev-0", "dev-1"];
    expect(await taken(JSON.stringify(answer, undefined, 2))).toEqual(told("JSON"));
    expect(await taken(JSON.stringify(answer.Data.SimpleOTATaskInfo))).toEqual(told("JSON"));
    expect(await taken(`${JSON.stringify(answer)}\n`)).toEqual(told("JSON lines"));
    await expect(read('{\n "Data": 1\n}')).rejects.toThrow(
      'holds no list of names, or of objects with the key "device_name"',
    );
    await expect(read("[torn")).rejects.toThrow("is not JSON");
  });
});
