import { describe, expect, it } from "vitest";
import { redactSecrets, word } from "../../../src/upstream/redaction.js";

const speak = (message: string, code = "", secrets: string[] = []) => redactSecrets(message, code, secrets);

describe("speakable", () => {
  it("replaces half a character, which JSON can name and no header can hold (was: the process ended)", () => {
    expect(speak("before \ud83d after \ude00")).toBe("before \ufffd after \ufffd");
  });

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

  it.each([
    ["device 10.0.0.1:depot-secret is gone", "device [address] is gone"],
    ["device x.com-name is gone", "device [address] is gone"],
    ["device depot:10.0.0.1:north@10.0.0.2:secret is gone", "device [address] is gone"],
    ["device depot_testid-secret is gone", "device [key] is gone"],
    ["device at-LTAI5tAbCdEfGh-secret is gone", "device [key] is gone"],
    ["device secr-abcdefghijklmnopqrstuvwxyz0= is gone", "device [signature] is gone"],
  ])("leaves no part of a name that holds what it frees: %j (was: the other part)", (message, freed) => {
    expect(speak(message, "", ["testid"])).toBe(freed);
  });

  it("reads a device's name also as it stands in an address", () => {
    expect(speak("DeviceName.1=dev%3Aice%402.x-y_z, %253a%2540")).toBe("DeviceName.1=dev:ice@2.x-y_z, :@");
  });

  it("shows no part of a word that was cut, by itself or by the upstream (was: a name but for its end)", () => {
    const named = Array.from({ length: 15 }, (_, n) => `depot-secret-${n}-abcdef`).join(",");
    expect(speak(`devices ${named}`)).toMatch(/^devices depot-secret-0-abcdef,.*-12-abcdef,…$/);
    expect(speak("depot-secret-1,depot-sec… and depot-s... and de...cret")).toBe("depot-secret-1,… and … and …");
    expect(speak("of…depot…secret")).toBe("…");
    expect(speak("x".repeat(1000))).toBe("…");
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
