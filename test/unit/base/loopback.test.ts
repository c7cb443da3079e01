import { expect, it } from "vitest";
import { isLoopback } from "../../../src/base/loopback.js";

it.each(["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"])("isLoopback: %s", (host) => {
  expect(isLoopback(host)).toBe(true);
});

it.each(["", "0.0.0.0", "::", "[::1", "10.127.0.1", "127.0.0.1.example.com", "localhost.example.com"])(
  "not isLoopback: %s",
  (host) => {
    expect(isLoopback(host)).toBe(false);
  },
);
