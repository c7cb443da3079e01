import { describe, expect, it } from "vitest";
import { createGate } from "../../../../src/observe/admin/gate.js";

const TOKEN = "s3cret:with ünicode";

function basic(userAndPassword: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(userAndPassword).toString("base64")}` };
}

describe("createGate", () => {
  it.each(["localhost", "localhost:9464", "LOCALHOST", "127.0.0.1:9464", "127.8.9.10", "[::1]", "[::1]:9464"])(
    "lets this machine in without a token: Host: %s",
    (host) => {
      expect(createGate("127.0.0.1")({ host })).toBeUndefined();
    },
  );

  it.each([
    ["a website's own name that leads here", "attacker.example:9464"],
    ["a name that only begins like ours", "127.0.0.1.attacker.example"],
    ["a name that only begins like ours", "localhost.attacker.example"],
    ["an address that others can have", "192.168.0.1"],
    ["no name", ""],
    ["a user before the name", "localhost@attacker.example"],
    ["what is no name", "[::1]x"],
  ])("refuses %s: %s", (_, host) => {
    expect(createGate("127.0.0.1")({ host })?.status).toBe(403);
    expect(createGate("127.0.0.1")({})?.status).toBe(403);
  });

  it.each(["0.0.0.0", "::", "10.1.2.3", "gateway.internal"])(
    "asks for a token to be set where others can connect: %s",
    (listen) => {
      const refusal = createGate(listen)({ host: "localhost" });
      expect(refusal).toMatchObject({ status: 403, error: expect.stringContaining("set OTA_ADMIN_TOKEN") });
    },
  );

  it("takes the token as a bearer's, or as the password of any user, from any host", () => {
    const gate = createGate("0.0.0.0", TOKEN);
    const host = "gateway.example";
    for (const user of ["", "admin", "any one"]) {
      expect(gate({ host, ...basic(`${user}:${TOKEN}`) })).toBeUndefined();
    }
    const plain = createGate("127.0.0.1", "plain-token");
    for (const scheme of ["Bearer", "bearer", "BEARER "]) {
      expect(plain({ host, authorization: `${scheme} plain-token` })).toBeUndefined();
    }
  });

  it.each([
    ["nothing", {}],
    ["another token", { authorization: "Bearer wrong" }],
    ["a longer one", { authorization: "Bearer plain-tokenx" }],
    ["the token as user", basic("plain-token:")],
    ["the token without user", basic("plain-token")],
    ["another scheme", { authorization: "Digest plain-token" }],
    ["rubbish", { authorization: "Basic \u00ff=" }],
  ])("asks for the token when given %s", (_, headers) => {
    const refusal = createGate("127.0.0.1", "plain-token")({ host: "localhost", ...headers });
    expect(refusal?.status).toBe(401);
    expect(refusal?.headers?.["www-authenticate"]).toEqual([
      expect.stringMatching(/^Basic /),
      expect.stringMatching(/^Bearer /),
    ]);
  });

  it("treats an empty token as none", () => {
    expect(createGate("127.0.0.1", "")({ host: "localhost" })).toBeUndefined();
    expect(createGate("0.0.0.0", "")({ host: "localhost", authorization: "Bearer " })?.status).toBe(403);
  });

  it("serves nothing to another site's page, but follows its links", () => {
    const gate = createGate("127.0.0.1");
    const from = (site: string, mode: string) =>
      gate({ host: "localhost", "sec-fetch-site": site, "sec-fetch-mode": mode })?.status;
    expect(from("cross-site", "no-cors")).toBe(403);
    expect(from("same-site", "cors")).toBe(403);
    expect(from("cross-site", "navigate")).toBeUndefined();
    expect(from("same-origin", "cors")).toBeUndefined();
    expect(from("none", "navigate")).toBeUndefined();
  });
});
