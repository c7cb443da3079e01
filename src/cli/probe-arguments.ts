// Checks the values of the probe's flags, one by one or as lists of a repeated flag.
import { InvalidArgumentError } from "commander";
import { DEVICE_NAME, ID, type TextRule, wrongWith } from "../base/text-rules.js";

/** Parsers for commander; they throw InvalidArgumentError. */
export const argument = {
  id: rule(ID),
  ids: listOf(rule(ID)),
  deviceName: rule(DEVICE_NAME),
  deviceNames: listOf(rule(DEVICE_NAME)),
};

function rule(allowed: TextRule): (text: string) => string {
  return (text) => {
    const wrong = wrongWith(text, allowed);
    if (wrong !== undefined) throw new InvalidArgumentError(`It ${wrong}.`);
    return text;
  };
}

function listOf(check: (text: string) => string) {
  return (text: string, before: readonly string[] = []): readonly string[] => [...before, check(text)];
}
