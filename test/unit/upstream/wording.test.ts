import { describe, expect, it } from "vitest";
import { speakable, word } from "../../../src/upstream/wording.js";

const speak = (message: string, code = "", secrets: string[] = []) => speakable(message, code, secrets);

describe("speakable", () => {
  it("leaves ordinary words and device names alone", () => {
    const text = "The device dev:ice@2.x-y_z does not exist. 设备不存在";
    expect(speak(text)).toBe(text);
  });

  it.each([
    ["see https://error-center.aliyun.com/x?q=1 for more", "see [address] for more"],
    ["host iot.cn-shanghai.aliyuncs.com:443 said no", "host [address] said no"],
    ["from 10.1.2.3:80 today", "from [address] today"],
    ["key LTAI5tAbCdEfGhIjKlMnOpQr is off", "key [key] is off"],
    ["token STS.NUgYrLnoC37mZZCNnAbez ended", "token [key] ended"],
    ["got 24e469408f0d444cbdcda39ce745953180dbe968d15a1a707ca14e2457ec9348.", "got [signature]."],
    ["got Y9eWn4nF8QPh3c4zAFkM/k/u7eA= here", "got [signature] here"],
    ["two\r\nlines\u0000and\u200bmore", "two lines and more"],
  ])("frees %j", (message, freed) => {
    expect(speak(message)).toBe(freed);
  });

  it("frees what the request was signed with, whatever it looks like", () => {
    expect(speak("testid is not testtoken", "", ["testid", "testtoken", ""])).toBe("[key] is not [key]");
  });

  it("replaces every text about signatures by our own", () => {
    const own = "The upstream did not accept the gateway's signature.";
    expect(speak("Specified signature is not matched", "SignatureDoesNotMatch")).toBe(own);
    expect(speak("server string to sign is:POST&%2F&AccessKeyId", "Other")).toBe(own);
  });

  it("shortens long texts, and never shows a part of a key that was cut", () => {
    expect(speak("word ".repeat(1000)).length).toBeLessThanOrEqual(300);
    const cutKey = `${"https://a/".padEnd(2040, "b")} LTAI5tAbCdEfGhIjKlMnOpQr`;
    expect(speak(cutKey)).toBe("[address]");
  });
});

describe("word", () => {
  it("keeps printable ASCII, at most 128 of it", () => {
    expect(word("iot.ota.X\r\n: 中")).toBe("iot.ota.X:");
    expect(word("x".repeat(500))).toHaveLength(128);
  });
});
