import { describe, expect, it } from "vitest";
import { proxyFor, proxyMistakes } from "../../../src/network/proxy.js";

const PROXIES = { HTTPS_PROXY: "http://secure:3128", HTTP_PROXY: "plain:3129" };

const hostFor = (url: string, environment: Record<string, string>) => proxyFor(new URL(url), environment)?.host;

describe("proxyFor", () => {
  it("follows the variable for the protocol, and no other", () => {
    expect(hostFor("https://iot.example", PROXIES)).toBe("secure:3128");
    expect(hostFor("http://iot.example", PROXIES)).toBe("plain:3129");
    expect(hostFor("https://iot.example", { HTTP_PROXY: "http://plain:3129" })).toBeUndefined();
    expect(hostFor("https://iot.example", {})).toBeUndefined();
  });

  it("prefers the name in lower case, which switches the proxy off if it is empty", () => {
    expect(hostFor("https://iot.example", { ...PROXIES, https_proxy: "http://lower:1" })).toBe("lower:1");
    expect(hostFor("https://iot.example", { ...PROXIES, https_proxy: "" })).toBeUndefined();
    expect(hostFor("https://iot.example", { ...PROXIES, no_proxy: "iot.example", NO_PROXY: "" })).toBeUndefined();
  });

  it("keeps user and password for the proxy", () => {
    const found = proxyFor(new URL("https://iot.example"), { HTTPS_PROXY: "http://me:p%40ss@secure:3128" });
    expect(found?.href).toBe("http://me:p%40ss@secure:3128/");
  });

  it.each([
    ["*", "https://iot.example"],
    ["iot.example", "https://iot.example"],
    ["IOT.Example.", "https://iot.example"],
    ["example", "https://iot.example"],
    [".example", "https://iot.example"],
    ["*.example", "https://iot.example"],
    ["other, iot.example", "https://iot.example"],
    ["other iot.example", "https://iot.example"],
    ["iot.example:443", "https://iot.example"],
    ["iot.example:8443", "https://iot.example:8443"],
    ["127.0.0.1", "https://127.0.0.1:1"],
    ["10.0.0.0/8", "https://10.1.2.3"],
    ["10.1.2.3:443", "https://10.1.2.3"],
    ["::1", "https://[::1]"],
    ["[::1]:443", "https://[0:0::1]"],
    ["fd00::/8", "https://[fd12::3]"],
  ])("calls directly with NO_PROXY=%s: %s", (list, url) => {
    expect(hostFor(url, { ...PROXIES, NO_PROXY: list })).toBeUndefined();
  });

  it.each([
    ["", "https://iot.example"],
    ["ample", "https://iot.example"],
    ["iot.example:80", "https://iot.example"],
    ["iot.example.com", "https://iot.example"],
    ["11.0.0.0/8", "https://10.1.2.3"],
    ["10.0.0.0/99", "https://10.1.2.3"],
    ["10.0.0.0/", "https://10.1.2.3"],
    [".", "https://iot.example"],
    ["::1", "https://[::2]"],
  ])("calls by the proxy with NO_PROXY=%s: %s", (list, url) => {
    expect(hostFor(url, { ...PROXIES, NO_PROXY: list })).toBe("secure:3128");
  });

  it("never asks a proxy for the machine's own role", () => {
    expect(hostFor("http://100.100.100.200/latest/meta-data", PROXIES)).toBeUndefined();
  });
});

describe("proxyMistakes", () => {
  it("finds what is no proxy, and does not repeat it: it may hold a password", () => {
    const wrong = [
      "socks5://me:s3cr3t@proxy:1080",
      "http://me:s3cr3t/@proxy",
      "http://me:s3cr3t%@proxy",
      "http://me%E4:%BD%A0s3cr3t@proxy", // decodable only together (was: accepted)
      "http://",
      ":",
    ];
    for (const HTTPS_PROXY of wrong) {
      const mistakes = proxyMistakes({ HTTPS_PROXY });
      expect(mistakes, HTTPS_PROXY).toEqual([expect.stringMatching(/^HTTPS_PROXY: expected http:\/\/host:port/)]);
      expect(mistakes.join()).not.toContain("s3cr3t");
    }
    expect(proxyMistakes(PROXIES)).toEqual([]);
    expect(proxyMistakes({ http_proxy: "ftp://x" })).toHaveLength(1);
  });
});
