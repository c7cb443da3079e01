import { describe, expect, it } from "vitest";
import { CallerBook } from "../../../src/identity/caller-book.js";
import { beyond, type Rights, type Touched, UNLIMITED } from "../../../src/identity/rights.js";

const ASKED: Touched = { account: "default", productKey: "a1Product", priority: "normal", verify: false };
const products = (exact: string[], prefixes: string[] = []) => ({ exact: new Set(exact), prefixes });
const rights = (some: Partial<Rights>): Rights => ({ weight: 1, verify: true, stopRollouts: true, ...some });

describe("beyond", () => {
  it.each<[string, Partial<Rights>, Partial<Touched>, string[]]>([
    ["what is not limited", {}, { verify: true, priority: undefined, productKey: "" }, []],
    ["a rollout", {}, { isRollout: true }, []],
    ["a rollout without the right", { stopRollouts: false }, { isRollout: true }, ["rollout (stop_rollouts)"]],
    ["devices, without the right to rollouts", { stopRollouts: false }, {}, []],
    ["another account", { accounts: new Set(["lab"]) }, {}, ["account"]],
    ["its account", { accounts: new Set(["lab"]) }, { account: "lab" }, []],
    ["its product", { products: products(["a1Product"]) }, {}, []],
    ["what only begins like its product", { products: products(["a1Prod"]) }, {}, ["product_key"]],
    ["what begins so", { products: products([], ["b", "a1P"]) }, {}, []],
    ["a product that is none", { products: products(["a1Product"], ["a1"]) }, { productKey: "" }, ["product_key"]],
    ["any product", { products: products([], [""]) }, { productKey: "" }, []],
    ["another priority", { priorities: new Set(["bulk"]) }, {}, ["priority"]],
    ["a priority that is none", { priorities: new Set(["bulk"]) }, { priority: undefined }, ["priority"]],
    ["reading back", { verify: false }, { verify: true }, ["verify"]],
    ["not reading back", { verify: false }, {}, []],
    [
      "everything",
      { accounts: new Set(), products: products([]), priorities: new Set(), verify: false },
      { verify: true },
      ["account", "product_key", "priority", "verify"],
    ],
  ])("knows whether rights reach to %s", (_, some, asked, fields) => {
    expect(beyond(rights(some), { ...ASKED, ...asked })).toEqual(fields);
  });
});

describe("CallerBook", () => {
  it("lets every caller do everything while it names no caller", () => {
    expect(new CallerBook(new Map()).rightsOf("anybody")).toBe(UNLIMITED);
  });

  it("gives callers without an entry the rights of all others, or none", () => {
    const a = rights({ weight: 2 });
    const others = rights({ weight: 3, maxQueuedDevices: 7 });
    const book = new CallerBook(new Map([["a", a]]));
    expect(book.rightsOf("b")).toBeUndefined();
    expect(book.weightOf("b")).toBe(1); // of what it still has in the queue
    book.replace(
      new Map([
        ["a", a],
        ["*", others],
      ]),
    );
    expect(book.rightsOf("a")).toBe(a);
    expect(book.rightsOf("b")).toBe(others);
    expect(book.weightOf("b")).toBe(3);
    expect(book.names()).toEqual(["a"]);
  });
});
