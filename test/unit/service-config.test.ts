// The recommended service config is the same wherever it stands, and the Node client's own.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SERVICE_CONFIG } from "../../src/client/channel.js";

/** The JSON or Python literal that begins at this text; both are written alike. */
function configAt(text: string, begin: string): unknown {
  const rest = text.slice(text.indexOf(begin) + begin.length);
  let depth = 0;
  for (const [at, character] of [...rest].entries()) {
    if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return JSON.parse(rest.slice(0, at + 1));
  }
  throw new Error(`no config after ${begin}`);
}

describe("SERVICE_CONFIG", () => {
  it.each([
    ["docs/clients.md", "```json\n"],
    ["docs/clients.md", "\nSERVICE_CONFIG = "],
    ["examples/go/service-config.json", ""],
    ["examples/java/service-config.json", ""],
    ["examples/python/service-config.json", ""],
    ["deploy/kubernetes/gateway/service.yaml", "service config  "],
  ])("is that of %s after %j", (document, begin) => {
    const text = readFileSync(document, "utf8").replaceAll(/^# /gm, "");
    expect(configAt(text, begin)).toEqual(SERVICE_CONFIG);
  });
});
