// What a caller is told of the upstream's words, whatever the devices are called and whatever the words make of them:
// joined without a space, cut short, written as in an address, beside and around what is freed of addresses and keys.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SentBatch } from "../../src/gateway/call/sent-batch.js";
import type { BatchDevice } from "../../src/gateway/queue/batch.js";
import type { Waiter } from "../../src/gateway/waiter.js";
import { redactSecrets } from "../../src/upstream/redaction.js";
import { aWaiter, SCOPE } from "../support/fake-command.js";
import { refused } from "../support/fake-upstream.js";
import { runs } from "../support/property-runs.js";

const KEY = "testid";

/** What of a name may pass for something else. */
const AWKWARD = ["10.0.0.1", "x.com", "iot.local:80", "http:", "LTAI5tAbCdEfGh", "STS.AbCdEfGh", KEY, "a-f0", "..."];
const NAME_CHARACTERS = [..."abcXYZ019-_@.:"];

const name = fc
  .array(fc.oneof(fc.constantFrom(...NAME_CHARACTERS), fc.constantFrom(...AWKWARD)), { minLength: 2, maxLength: 14 })
  .map((parts) => parts.join("").slice(0, 32))
  .filter((each) => each.length >= 4);

/** How much of an own name another's may begin with. */
const SHARED = 4;

/** A name within the text: as it is, or as an address has it, or only its beginning or end, or behind an own one. */
interface Mention {
  readonly nth: number;
  readonly form: "whole" | "encoded" | "beginning" | "end" | "overlapping";
  readonly cutAt: number;
}

const mention = fc.record<Mention>({
  nth: fc.nat(20),
  form: fc.constantFrom("whole", "whole", "whole", "encoded", "beginning", "end", "overlapping"),
  cutAt: fc.integer({ min: 4, max: 31 }),
});

const beside = fc.constantFrom(
  ...[
    "device ",
    " is unknown",
    ",",
    ", ",
    ":",
    ".",
    "-",
    "/",
    '"',
    "[",
    "]",
    "(",
    "=",
    "?DeviceName.1=",
    "设备",
    "\ud83d\udd27",
  ],
  ...["https://iot.cn-shanghai.aliyuncs.com/?a=b ", "10.2.3.4:443", "iot.aliyuncs.com", KEY, "word ".repeat(20)],
  ...[
    "LTAI5tZyXwVuTsRqPo",
    "24e469408f0d444cbdcda39ce745953180dbe968d15a1a707ca14e2457ec9348",
    "=",
    "Y9eWn4nF8QPh3c4zAFkM/k/u7eA=",
  ],
);

const pieces = fc.array(fc.oneof(mention, beside), { minLength: 1, maxLength: 40 });

/** As the upstream writes it. */
function written({ form, cutAt }: Mention, whole: string, own: string): string {
  switch (form) {
    case "whole":
      return whole;
    case "encoded":
      return encodeURIComponent(whole);
    case "beginning":
      return `${whole.slice(0, cutAt)}${cutAt % 2 ? "…" : "..."}`;
    case "end":
      return `…${whole.slice(-cutAt)}`;
    case "overlapping":
      return whole.startsWith(own.slice(-SHARED)) ? `${own.slice(0, -SHARED)}${whole}` : whole;
  }
}

/** What the waiter of `own` is told of a refused call that carried the devices of others too. */
async function toldOf(text: string, own: readonly string[], others: readonly string[]): Promise<string> {
  const waiters = [own, others].map((deviceNames) => aWaiter({ deviceNames }));
  const devices = new Map<string, BatchDevice & { owners: { waiter: Waiter; index: number }[] }>();
  for (const waiter of waiters) {
    for (const [index, each] of waiter.command.deviceNames.entries()) {
      const device = devices.get(each) ?? { name: each, owners: [] };
      devices.set(each, device);
      device.owners.push({ waiter, index });
    }
  }
  const sentBatch = new SentBatch(
    { scopeQueue: { key: "", scope: SCOPE }, devices: [...devices.values()], charge: new Map() },
    0,
    0,
  );
  const code = "iot.device.NotExistedDevice";
  const message = redactSecrets(text, code, [KEY]);
  sentBatch.complete(refused({ kind: "rejected", rejection: "not-found", deviceFault: true }, { code, message }), 20);
  sentBatch.settle({ kind: "accepted" });
  return (await waiters[0]?.answer)?.calls[0]?.message ?? "";
}

const fours = (text: string) => Array.from({ length: Math.max(text.length - 3, 0) }, (_, at) => text.slice(at, at + 4));

describe("the upstream's words as a caller is told them", () => {
  it("hold no four characters of another's name that do not stand beside it, or in an own one", async () => {
    const some = fc.uniqueArray(name, { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(some, some, pieces, async (own, theirs, text) => {
        const [first = ""] = own;
        const similar = theirs.map((each) => `${first.slice(-SHARED)}${each}`.slice(0, 32));
        const all = [...new Set([...own, ...theirs, ...similar])];
        const others = all.filter((each) => !own.includes(each));
        const nameOf = ({ nth }: Mention) => all[nth % all.length] ?? "";
        const inWords = (each: Mention | string) =>
          typeof each === "string" ? each : written(each, nameOf(each), first);
        const message = text.map(inWords).join("");
        // All that the upstream says but the others' names, and our own words.
        const open = text.map((each) => {
          if (typeof each === "string") return each;
          if (!own.includes(nameOf(each))) {
            return each.form === "overlapping" ? `${inWords(each).slice(0, -nameOf(each).length)}\n` : "\n";
          }
          return each.form === "encoded" ? nameOf(each) : inWords(each);
        });
        const allowed = `${open.join("")}\n${own.join("\n")}\n[address][key][signature]`;
        const told = await toldOf(message, own, others);
        const leaked = others.flatMap(fours).filter((four) => told.includes(four) && !allowed.includes(four));
        expect({ told, leaked }).toEqual({ told, leaked: [] });
      }),
      { numRuns: runs(10_000) },
    );
  });

  it("name the devices of the caller, and of others not even a part where the text was cut", async () => {
    expect(await toldOf("devices [mine-1, theirs-1]", ["mine-1"], ["theirs-1"])).toBe("devices [mine-1, ***]");
    const named = Array.from({ length: 15 }, (_, n) => `secret-device-of-b-${n}`);
    expect(await toldOf(`${named.join(", ")}: unknown`, ["mine-1"], named)).not.toContain("sec");
  });
});
