// An exported name means one thing in src: whoever looks for it finds one definition.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** Names that are defined twice, and why. */
const TWICE: Readonly<Record<string, string>> = {
  Failure: "part of the client package, whose users know no other",
  Priority: "part of the client package, whose users know no other",
  Token: "part of the client package, where it is a bearer token; in the gateway it is the token of the ledger",
  Violation: "part of the client package, whose users know no other",
};

const EXPORT =
  /^export (?:declare )?(?:async )?(?:abstract )?(?:type|interface|class|function\*?|const|let|enum) (\w+)/gm;

it("every exported name is defined in one file of src, or has a reason", () => {
  const homes = new Map<string, string[]>();
  for (const file of readdirSync("src", { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.startsWith("gen/")) continue;
    const names = new Set([...readFileSync(`src/${file}`, "utf8").matchAll(EXPORT)].map(([, name]) => name ?? ""));
    for (const name of names) homes.set(name, [...(homes.get(name) ?? []), file]);
  }
  const twice = [...homes].filter(([name, files]) => files.length > 1 && !(name in TWICE));
  expect(twice.map(([name, files]) => `${name}: ${files.join(", ")}`)).toEqual([]);
  expect(Object.keys(TWICE).filter((name) => homes.get(name)?.length !== 2)).toEqual([]);
});
