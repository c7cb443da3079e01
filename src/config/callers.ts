// Reads the section `callers` of the file: who may call, and what each caller may do.
//
//   callers:                          # with any entry, a caller without one is refused
//     fleet-backend:
//       weight: 4                     # four times the share of a caller of weight 1, the default
//       accounts: [default]           # a missing list limits nothing
//       products: [a1Exact, a1Pre*]   # exact keys, and prefixes
//       priorities: [BULK, NORMAL]
//       max_queued_devices: 20000     # instead of OTA_MAX_QUEUED_DEVICES_PER_CALLER
//       verify: false                 # may not have tasks read back (default: true)
//       operations: manage            # see and stop all operations; all: their results too (default: own)
//       stop_rollouts: true           # may stop whole rollouts of its products (default: false)
//     "*": { priorities: [BULK] }     # all others
import { PRIORITIES } from "../gateway/command.js";
import { OTHERS } from "../identity/caller-book.js";
import { CALLER_NAME_RULE, isCallerName } from "../identity/caller-name.js";
import { OPERATION_RIGHTS, type OperationRights, type Products, type Rights } from "../identity/rights.js";
import { known, mapping, type Wrong } from "./mapping.js";

const MAX_WEIGHT = 100;
const MAX_QUEUED_DEVICES = 100_000_000;

const SETTINGS = [
  "weight",
  "accounts",
  "products",
  "priorities",
  "max_queued_devices",
  "verify",
  "operations",
  "stop_rollouts",
];

/** The names in requests, without the prefix. */
const PRIORITY_NAMES: ReadonlyMap<string, string> = new Map(PRIORITIES.map((each) => [each.toUpperCase(), each]));

/** A product key; with a `*` at its end, every key that begins with it. */
const PRODUCT = /^(?=.)[\x21-\x29\x2b-\x7e]{0,64}\*?$/;

/** Reads the section. `accounts` are those of the file. */
export function callersOf(value: unknown, accounts: ReadonlySet<string>, wrong: Wrong): Map<string, Rights> {
  const callers = new Map<string, Rights>();
  if (value === undefined) return callers;
  for (const [name, rights] of Object.entries(mapping(value ?? {}, "callers", wrong))) {
    const where = `callers.${name}`;
    if (name !== OTHERS && !isCallerName(name)) wrong(where, `a name of ${CALLER_NAME_RULE}, or "${OTHERS}"`);
    callers.set(name, rightsOf(where, rights ?? {}, accounts, wrong));
  }
  // An empty section, perhaps a half-written one, would otherwise let everybody do everything.
  if (callers.size === 0 && typeof value === "object") {
    wrong("callers", `at least one caller; for no limits, leave the section out or write "${OTHERS}": {}`);
  }
  return callers;
}

function rightsOf(where: string, value: unknown, accounts: ReadonlySet<string>, wrong: Wrong): Rights {
  const caller = mapping(value, where, wrong);
  known(caller, SETTINGS, `${where}.`, wrong);
  const { weight = 1, max_queued_devices: most, verify = true, operations = "own" } = caller;
  const { stop_rollouts: stopRollouts = false } = caller;
  const isWeight = typeof weight === "number" && weight >= 1 && weight <= MAX_WEIGHT;
  if (!isWeight) wrong(`${where}.weight`, `a number from 1 to ${MAX_WEIGHT}`);
  const isBound = Number.isInteger(most) && (most as number) >= 1 && (most as number) <= MAX_QUEUED_DEVICES;
  if (most !== undefined && !isBound) {
    wrong(`${where}.max_queued_devices`, `a whole number of devices, from 1 to ${MAX_QUEUED_DEVICES}`);
  }
  if (typeof verify !== "boolean") wrong(`${where}.verify`, "true or false");
  if (typeof stopRollouts !== "boolean") wrong(`${where}.stop_rollouts`, "true or false");
  const isKnown = OPERATION_RIGHTS.includes(operations as OperationRights);
  if (!isKnown) wrong(`${where}.operations`, `one of ${OPERATION_RIGHTS.join(", ")}`);
  const own = list(`${where}.accounts`, caller["accounts"], wrong);
  for (const account of own ?? []) {
    if (!accounts.has(account)) wrong(`${where}.accounts`, `accounts of this file, which has no ${account}`);
  }
  const products = list(`${where}.products`, caller["products"], wrong);
  for (const product of products ?? []) {
    if (!PRODUCT.test(product)) wrong(`${where}.products`, `product keys, with * only at the end; not ${product}`);
  }
  const priorities = list(`${where}.priorities`, caller["priorities"], wrong);
  if (priorities?.some((name) => !PRIORITY_NAMES.has(name))) {
    wrong(`${where}.priorities`, `some of ${[...PRIORITY_NAMES.keys()].join(", ")}`);
  }
  return {
    weight: isWeight ? weight : 1,
    verify: verify === true,
    ...(stopRollouts === true && { stopRollouts }),
    ...(isKnown && operations !== "own" && { operations: operations as OperationRights }),
    ...(own && { accounts: new Set(own) }),
    ...(products && { products: productsOf(products) }),
    ...(priorities && { priorities: new Set(priorities.flatMap((name) => PRIORITY_NAMES.get(name) ?? [])) }),
    ...(isBound && { maxQueuedDevices: most as number }),
  };
}

function list(where: string, value: unknown, wrong: Wrong): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  wrong(where, "a list of names");
  return [];
}

function productsOf(products: readonly string[]): Products {
  const prefixes = products.filter((product) => product.endsWith("*"));
  return {
    exact: new Set(products.filter((product) => !product.endsWith("*"))),
    prefixes: prefixes.map((prefix) => prefix.slice(0, -1)),
  };
}
