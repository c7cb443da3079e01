import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boundedLines } from "../../../../src/base/bounded-lines.js";
import { answered, aRecorder, fileOf, HEADER, piecesOf, readText, written } from "../../observe/recorder/records.js";

describe("readFlightRecords", () => {
  it("reads what the recorder writes", async () => {
    const { recorder, clock } = aRecorder();
    for (const kind of ["accepted", "refused", "throttled", "lost", "unwritten"] as const) {
      const call = recorder.sent(clock.now(), 3);
      await clock.advance(0.123);
      call.ended(clock.now(), kind, `"${kind}"`);
    }
    recorder.sent(clock.now(), 4);
    const { text, header } = written(recorder);
    const [record] = await readText(text);
    expect(record?.header).toEqual(header);
    expect(record?.calls.map(({ kind, requestId }) => [kind, requestId])).toEqual([
      ["accepted", '"accepted"'],
      ["refused", '"refused"'],
      ["throttled", '"throttled"'],
      ["lost", '"lost"'],
      ["unwritten", '"unwritten"'],
      ["in-flight", ""],
    ]);
    expect(record?.calls[1]).toMatchObject({ sentUs: 123, endedUs: 246, devices: 3 });
    expect(record?.calls[5]).toMatchObject({ sentUs: 615, endedUs: undefined });
  });

  it("reads several records from one file, like those of several accounts", async () => {
    const text = fileOf([answered(0, 1)]) + fileOf([answered(2, 3), answered(4, 5)], { account: "other" });
    const records = await readText(text);
    expect(records.map(({ header, calls }) => [header.account, calls.length])).toEqual([
      ["default", 1],
      ["other", 2],
    ]);
  });

  it("reads empty lines, line ends of Windows, and fields that it does not know", async () => {
    const text = fileOf([{ ...answered(0, 1), colour: "red" }]).replaceAll("\n", "\r\n\r\n");
    expect((await readText(text))[0]?.calls).toHaveLength(1);
  });

  it.each([
    ["nothing", "", "a.jsonl: is empty"],
    ["no JSON", "hello\n", "a.jsonl: line 1 is not JSON"],
    ["no object", "[]\n", "a.jsonl: line 1 is not a JSON object"],
    ["another file", '{"sent":1}\n', "line 1 is not the header of a flight record that this version reads"],
    ["a later version", fileOf([], { version: 2 as 1 }), "line 1 is not the header"],
    ["no account", fileOf([], { account: 7 as unknown as string }), "line 1 needs account, a string"],
    ["no date", fileOf([], { writtenAt: "yesterday" }), "line 1 needs writtenAt, a date"],
    ["a date too far", fileOf([], { writtenAt: "9999-01-01T00:00:00Z" }), "line 1 needs writtenAt, a date"],
    ["no quota", fileOf([], { callsPerSecond: 0 }), "line 1 needs callsPerSecond, a number from 1"],
    ["a ledger of no kind", fileOf([], { ledger: "lent" as "shared" }), "line 1 needs ledger, in-process or shared"],
    ["no number of replicas", fileOf([], { replicas: -1 }), "line 1 needs replicas, a number from 0"],
    ["no timeout", fileOf([], { callTimeoutMs: -1 }), "line 1 needs callTimeoutMs, a number from 0"],
    ["a call of no kind", fileOf([{ ...answered(0, 1), kind: "good" }]), "line 2 needs kind, one of accepted, refused"],
    ["a call never sent", fileOf([{ ...answered(0, 1), sent: "0" }]), "line 2 needs sent, a number from 0 to 60000"],
    ["a call of the future", fileOf([answered(60_001, 60_002)]), "line 2 needs sent, a number from 0 to 60000"],
    ["an answer before its call", fileOf([answered(5, 4)]), "line 2 needs ended, a number from 5 to 60000"],
    ["an end in flight", fileOf([{ ...answered(5, 6), kind: "in-flight" }]), "line 2 is in flight but has ended"],
    ["no request id", fileOf([{ ...answered(5, 6), requestId: null }]), "line 2 needs requestId, a string"],
    ["half a line", fileOf([answered(5, 6)]).slice(0, -10), "line 2 is not JSON"],
    ["a long line", `${fileOf([])}${" ".repeat(5000)}\n`, "line 2 is longer than 4096 characters"],
  ])("does not take %s", async (_, text, mistake) => {
    await expect(readText(text)).rejects.toThrow(mistake);
  });

  it("notices that a file was cut short", async () => {
    const text = fileOf([answered(0, 1), answered(2, 3)]);
    const short = text.slice(0, text.lastIndexOf("{"));
    const mistake = "a.jsonl: is incomplete: it has 1 of the 2 calls that its header announces";
    await expect(readText(short)).rejects.toThrow(mistake);
    await expect(readText(short + fileOf([]))).rejects.toThrow(mistake);
  });

  it("names the first mistakes, each with its line, and stops there", async () => {
    const bad = Array.from({ length: 1000 }, () => ({ ...answered(0, 1), kind: "good" }));
    const message = await readText(fileOf([answered(0, 1), ...bad])).then(String, ({ message }: Error) => message);
    const lines = message.split("\n");
    expect(lines).toHaveLength(11);
    expect(lines[0]).toContain("line 3");
    expect(lines[9]).toContain("line 12");
    expect(lines[10]).toBe("a.jsonl: there may be more: the rest was not read");
  });

  it("does not go on after a header that it cannot use", async () => {
    const message = await readText(`{}\n${fileOf([])}`).then(String, ({ message }: Error) => message);
    expect(message.split("\n")).toHaveLength(1);
  });

  it("keeps the header's own numbers", async () => {
    expect((await readText(fileOf([])))[0]?.header).toEqual(HEADER);
  });
});

describe("boundedLines", () => {
  it("finds the same lines however the text is cut into pieces", async () => {
    const text = fc.array(fc.constantFrom("a", "bb", "ccccc", "\n", "\r\n", "dddddddd"), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (parts, size) => {
        const whole = parts.join("");
        const lines = [];
        for await (const line of boundedLines(piecesOf(whole, size), 6)) lines.push(line);
        const expected = whole
          .split("\n")
          .map((line, n) => ({ number: n + 1, text: line.replace(/\r$/, "") }))
          .filter((line) => line.text !== "")
          .map(({ number, text: line }) => ({ number, text: line.length > 6 ? undefined : line }));
        expect(lines).toEqual(expected);
      }),
    );
  });

  it("does not gather a line that is too long", async () => {
    async function* endless() {
      for (let n = 0; n < 100_000; n++) yield "x".repeat(65_536); // six gigabytes
      yield "\nend\n";
    }
    const lines = [];
    for await (const line of boundedLines(endless(), 4096)) lines.push(line);
    expect(lines).toEqual([
      { number: 1, text: undefined },
      { number: 2, text: "end" },
    ]);
  });
});
