import { expect, it } from "vitest";
import { goesOnText, mayGoOnText } from "../../../../src/cli/stop/goes-on.js";

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

it("quotes what a shell would take apart (was: a path with a blank was two words)", () => {
  const given = { address: "gw:1", ca: "my ca.pem" } as const;
  expect(goesOnText("operations/7", given)).toContain("wait operations/7 --address gw:1 --ca 'my ca.pem'\n");
});

it("says where to look for an order whose answer is not known", () => {
  expect(mayGoOnText({ address: "gw:1", tls: true })).toContain("operations list --running --address gw:1 --tls\n");
});
