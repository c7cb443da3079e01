import { describe, expect, it } from "vitest";
import { hostPortAdvice, parseHostPort } from "../../../src/base/host-port.js";

describe("parseHostPort", () => {
  it("takes names, IPv4 and bracketed IPv6", () => {
    expect(parseHostPort("localhost:0")).toEqual({ host: "localhost", port: 0 });
    expect(parseHostPort("127.0.0.1:8088")).toEqual({ host: "127.0.0.1", port: 8088 });
    expect(parseHostPort("[::1]:65535")).toEqual({ host: "::1", port: 65_535 });
  });

  it.each(["", "8088", ":8088", "localhost", "localhost:", "localhost:65536", "::1:80", "http://localhost:80"])(
    "does not take %o",
    (text) => expect(parseHostPort(text)).toBeUndefined(),
  );
});

describe("hostPortAdvice", () => {
  it.each([
    ["http://127.0.0.1:21051", "leave out http:// and write 127.0.0.1:21051"],
    ["https://ota.example.com/", "leave out https:// and write ota.example.com:50051"],
    ["grpc://user:secret@ota.example.com:443/x", "leave out grpc:// and write ota.example.com:443"],
    ["http://[::1]:80", "leave out http:// and write [::1]:80"],
    ["http://", "leave out http:// and write 127.0.0.1:50051"],
    ["ota.example.com:443/readyz", "leave out the path and write ota.example.com:443"],
    ["::1:21051", "an IPv6 address needs brackets; write [::1]:21051"],
    ["::1", "an IPv6 address needs brackets; write [::1]:50051"],
    ["fe80::1", "an IPv6 address needs brackets; write [fe80::1]:50051"],
    ["2001:db8::7:50052", "an IPv6 address needs brackets; write [2001:db8::7]:50052"],
    ["[::1]", "the port is missing; write [::1]:50051"],
    ["127.0.0.1:99999", "there is no port 99999; the highest is 65535"],
    ["ota.example.com", "the port is missing; write ota.example.com:50051"],
    ["ota.example.com:", "the port is missing; write ota.example.com:50051"],
    ["8088", "the host is missing; write 127.0.0.1:8088"],
    [":8088", "the host is missing; write 127.0.0.1:8088"],
    ["a b", "write host:port, like 127.0.0.1:50051"],
    ["", "write host:port, like 127.0.0.1:50051"],
  ])("says of %o: %s", (text, advice) => {
    expect(hostPortAdvice(text, "127.0.0.1:50051")).toBe(advice);
  });

  it("advises what can be read", () => {
    for (const text of ["::1:21051", "http://h", "h", "8088", "[::1]", "h:1/x"]) {
      const advice = hostPortAdvice(text, "127.0.0.1:50051");
      expect(parseHostPort(advice.replace(/^.* /, "")), advice).toBeDefined();
    }
  });
});
