import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readConfig } from "../../../src/config/config.js";
import { openAccess } from "../../../src/serve/access.js";
import { FakeLog } from "../../support/fake-log.js";
import { HandClock } from "../../support/hand-clock.js";

describe("openAccess", () => {
  it.each([
    ["is not there", undefined, /ENOENT/],
    ["is half written", "{", /not JSON/],
    ["holds an entry that is no key", '{"keys":[7]}', /an entry of keys is not a key/],
  ])(
    "refuses a file of keys that %s, in one line (was: two, and the first said that keys hold on)",
    async (_, text, why) => {
      const folder = mkdtempSync(join(tmpdir(), "access-"));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const path = join(folder, "jwks.json");
      if (text !== undefined) writeFileSync(path, text);
      const config = readConfig({ OTA_JWT_JWKS: path, OTA_JWT_ISSUER: "issuer", OTA_JWT_AUDIENCE: "ota" });
      const log = new FakeLog();
      const opening = openAccess(config, {}, new HandClock(), log);
      await expect(opening).rejects.toMatchObject({
        name: "ConfigError",
        mistakes: [expect.stringMatching(new RegExp(`^OTA_JWT_JWKS: ${path}: .*${why.source}`))],
      });
      expect(log.lines).toEqual([]);
    },
  );
});
