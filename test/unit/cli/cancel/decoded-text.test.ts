import { describe, expect, it } from "vitest";
import { decodedText } from "../../../../src/cli/cancel/decoded-text.js";

async function decoded(bytes: Uint8Array, size: number): Promise<[string, string]> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  let encoding = "";
  let text = "";
  for await (const piece of decodedText(pieces(), (told) => (encoding = told))) text += piece;
  return [encoding, text];
}

describe("decodedText", () => {
  const text = "设备名称,é\r\ndev-0,😀\r\n";
  const ascii = Buffer.from("dev-0\n", "utf16le");
  it.each([
    ["UTF-8", "utf-8", Buffer.from(text), text],
    ["UTF-8 with a byte order mark", "utf-8", Buffer.from(`\ufeff${text}`), text],
    ["UTF-16 as Windows writes it", "utf-16le", Buffer.from(`\ufeff${text}`, "utf16le"), text],
    ["UTF-16 the other way round", "utf-16be", Buffer.from(`\ufeff${text}`, "utf16le").swap16(), text],
    ["UTF-16 without a mark", "utf-16le", ascii, "dev-0\n"],
    ["UTF-16 the other way round, without a mark", "utf-16be", Buffer.from(ascii).swap16(), "dev-0\n"],
    ["one character", "utf-8", Buffer.from("d"), "d"],
    ["nothing", "utf-8", Buffer.alloc(0), ""],
  ])("reads %s, in pieces of any size", async (_, encoding, bytes, expected) => {
    for (const size of [1, 3, 4096]) expect(await decoded(bytes, size)).toEqual([encoding, expected]);
  });

  it("reads what a Chinese spreadsheet saves", async () => {
    const bytes = Buffer.concat([
      Buffer.from([0xc9, 0xe8, 0xb1, 0xb8, 0xc3, 0xfb, 0xb3, 0xc6]),
      Buffer.from("\ndev-0\n"),
    ]);
    expect(await decoded(bytes, 4096)).toEqual(["gb18030", "设备名称\ndev-0\n"]);
  });

  it("keeps names and separators of an encoding that it does not know", async () => {
    const bytes = Buffer.from("device_name;Größe\ndev-0;groß\n", "latin1");
    const [, text] = await decoded(bytes, 4096);
    expect(text).toMatch(/^device_name;Gr.*\ndev-0;gro/);
  });
});
