// The examples of the vendor's documentation and of users' reports, and the ledger's own script.
import { describe, expect, it } from "vitest";
import { LEDGER_SCRIPT } from "../../../src/limiter/shared/ledger-script.js";
import { refusalOf } from "../../support/script-check.js";

describe("refusalOf", () => {
  it.each([
    "return redis.call('mget', KEYS[1], KEYS[2])",
    "return redis.call('GET', KEYS[1])",
    "local now = redis.call('TIME') redis.call(\"SET\", KEYS[1], now[1], 'NX', 'PX', ARGV[1])",
    "if redis.call('INCR', KEYS[1]) <= 5 then return 1 end",
    "local n = (redis.call('GET', KEYS[1]) or 0) + 1 return n -- unpack(KEYS)",
    "for field, value in pairs(set) do redis.call('HSET', KEYS[1], field, value) end",
  ])("accepts %s", (script) => {
    expect(refusalOf(script)).toBeUndefined();
  });

  it.each([
    ["return redis.call('mget', KEYS[1], '{foo}bar')", /KEYS array/],
    ["local i = 2 return redis.call('mget', KEYS[1], KEYS[i])", /KEYS array/],
    ["return redis.call('mget', KEYS[1], ARGV[1])", /KEYS array/],
    ["local key = KEYS[1] return redis.call('get', key)", /KEYS array/],
    ["redis.call('set', KEYS[1] .. ':1', 1)", /not be in expression/],
    ["local key = KEYS[1] .. ':x' return redis.call('get', KEYS[1])", /not be in expression/],
    ["return redis.call('get', 'foo')", /KEYS array/],
    ["return redis.call(ARGV[1], KEYS[1])", /single literal string/],
    ["return redis.call('G' .. 'ET', KEYS[1])", /single literal string/],
    ["redis.call('HSET', KEYS[1], unpack(fields))", /unpack/],
    ["redis.call('PUBLISH', KEYS[1], 'x')", /publish/],
    ["return redis.call('KEYS', '*')", /keys/],
    ["return string.match(redis.call('INFO'), 'run_id')", /nested/],
    ["return redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]))", /nested/],
    ["redis.call('SET', KEYS[1], tostring(now))", /nested/],
    ["local call = redis.call return call('GET', 'x')", /by its name/],
  ])("refuses %s", (script, why) => {
    expect(refusalOf(script)).toMatch(why);
  });
});

describe("LEDGER_SCRIPT", () => {
  it("is accepted by the proxy of a clustered Redis of Alibaba Cloud, without a parameter to change", () => {
    expect(refusalOf(LEDGER_SCRIPT)).toBeUndefined();
  });

  it("carries no words that a reader of text could take for code", () => {
    expect(LEDGER_SCRIPT).not.toMatch(/--|unpack|publish/i);
    expect(LEDGER_SCRIPT.match(/KEYS/g)).toHaveLength(4);
  });
});
