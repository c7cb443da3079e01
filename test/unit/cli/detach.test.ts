import { describe, expect, it } from "vitest";
import type { NameLine } from "../../../src/cli/cancel/name-line.js";
import { detach } from "../../../src/cli/detach.js";

async function refusalOf(...lines: readonly NameLine[]): Promise<unknown> {
  async function* all() {
    yield* lines;
  }
  const detached = detach({
    client: {} as never,
    scope: { productKey: "a1", firmwareId: "f1" },
    lines: all(),
    source: "list.txt",
    flags: { address: "127.0.0.1:1" },
    misuse: (message) => {
      throw new Error(message);
    },
  });
  return detached.catch(({ message }: Error) => message);
}

describe("detach", () => {
  it("says where a list holds no device name, as a run does (was: an argument was line 0)", async () => {
    const wrong = "is not a device name: must be 4-32 of A-Za-z0-9-_@.:, has 1; nothing was stored";
    expect(await refusalOf({ line: 0, name: "x" })).toBe(`argument ${wrong}`);
    expect(await refusalOf({ line: 7, name: "x" })).toBe(`line 7 ${wrong}`);
    expect(await refusalOf({ line: 7, unit: "item", name: "x" })).toBe(`item 7 ${wrong}`);
  });

  it("says that a list is empty, before it is sent (was: --device-names is required)", async () => {
    expect(await refusalOf()).toBe("list.txt names no device");
  });
});
