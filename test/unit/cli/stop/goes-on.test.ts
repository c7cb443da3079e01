import { expect, it } from "vitest";
import { goesOnText } from "../../../../src/cli/stop/goes-on.js";

it("repeats every flag that leads to the gateway", () => {
  const given = { address: "gw:50051", tls: true, ca: "ca.pem", serverName: "gw", tokenFile: "token" } as const;
  const flags = "--address gw:50051 --tls --ca ca.pem --server-name gw --token-file token";
  expect(goesOnText("operations/7", given)).toBe(
    `\nThe gateway knows it as operations/7:\n  ota-gateway operations wait operations/7 ${flags}\n` +
      `  ota-gateway operations stop operations/7 ${flags}\n`,
  );
});

it("prints no name that a terminal would obey", () => {
  expect(goesOnText("operations/\u001b[2J", { address: "gw:1" })).not.toContain("\u001b");
});
