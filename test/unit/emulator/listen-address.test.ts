import { describe, expect, it } from "vitest";
import { parseListenAddress } from "../../../src/emulator/listen-address.js";

describe("parseListenAddress", () => {
  it("takes names, IPv4 and bracketed IPv6", () => {
    expect(parseListenAddress("localhost:0")).toEqual({ host: "localhost", port: 0 });
    expect(parseListenAddress("127.0.0.1:8088")).toEqual({ host: "127.0.0.1", port: 8088 });
    expect(parseListenAddress("[::1]:65535")).toEqual({ host: "::1", port: 65_535 });
  });

  it.each(["", "8088", ":8088", "localhost", "localhost:", "localhost:65536", "::1:80", "http://localhost:80"])(
    "does not take %o",
    (text) => expect(parseListenAddress(text)).toBeUndefined(),
  );
});
