import { describe, expect, it } from "vitest";
import { redisUrls } from "../../../src/config/values.js";

const hosts = (text: string) => redisUrls(text).map(({ protocol, host }) => `${protocol}//${host}`);

describe("redisUrls", () => {
  it("takes one server, or the nodes of a Cluster", () => {
    expect(hosts("")).toEqual([]);
    expect(hosts("redis://me:pw%2C@cache:6379/2")).toEqual(["redis://cache:6379"]);
    expect(hosts("rediss://a:1, rediss://[::1]:2,")).toEqual(["rediss://a:1", "rediss://[::1]:2"]);
  });

  it("makes an address for each Sentinel, with the credentials and the group of all", () => {
    const urls = redisUrls(
      "rediss+sentinel://me:p%40w@a:1,b,[::1]:3/main.1/2?sentinelUsername=s&sentinelPassword=x%26",
    );
    expect(urls.map(({ host }) => host)).toEqual(["a:1", "b", "[::1]:3"]);
    for (const { protocol, username, password, pathname, searchParams } of urls) {
      expect({ protocol, username, password, pathname }).toEqual({
        ...{ protocol: "rediss+sentinel:", username: "me", password: "p%40w", pathname: "/main.1/2" },
      });
      expect([...searchParams]).toEqual([
        ["sentinelUsername", "s"],
        ["sentinelPassword", "x&"],
      ]);
    }
  });

  it("takes whole addresses of Sentinels, too", () => {
    expect(hosts("redis+sentinel://a/main,redis+sentinel://b/main")).toHaveLength(2);
  });

  it.each([
    ["redis://a:1,rediss://b:2"], // the second would be reached in plain text
    ["redis+sentinel://a:1,b:2"],
    ["redis+sentinel://a:1,b:2/"],
    ["redis+sentinel://a:1,b:99999/main"],
    ["redis+sentinel://a:1,,b:2/main"],
    ["redis+sentinel://a:1/main?name=other"],
    ["sentinel://a:1/main"],
    ["redis+sentinel:///main"],
  ])("refuses %s", (text) => {
    expect(() => redisUrls(text)).toThrow(/redis\+sentinel:\/\/host:port,host:port\/group/);
  });
});
