import { describe, expect, it } from "vitest";
import { sharedQuotas } from "../../../src/config/contradictions.js";
import type { AccountSettings } from "../../../src/config/file.js";

describe("sharedQuotas", () => {
  it("names the accounts that have the same endpoint and the same keys, and no others", () => {
    const account = (host: string, prefix: string): AccountSettings => ({
      ...{ url: new URL(`https://${host}`), callsPerSecond: 10, counted: "answered" },
      credentials: { kind: "env", prefix },
    });
    const accounts = new Map([
      ["first", account("iot.cn-shanghai.aliyuncs.com", "A")],
      ["second", account("iot.cn-shanghai.aliyuncs.com", "B")],
      ["third", account("iot.ap-southeast-1.aliyuncs.com", "A")],
      ["fourth", account("iot.cn-shanghai.aliyuncs.com", "A")],
    ]);
    expect(sharedQuotas(accounts)).toEqual([expect.stringMatching(/^the accounts first, fourth have/)]);
  });
});
