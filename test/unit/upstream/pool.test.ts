import { createServer as createTlsServer } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { createPool } from "../../../src/upstream/pool.js";
import { listen } from "./local-server.js";
import { untrustedCert, untrustedKey } from "./untrusted-cert.js";

describe("createPool", () => {
  it("offers HTTP/1.1 alone, and connects for each of two requests at once", async () => {
    const offers: string[][] = [];
    const key = { key: untrustedKey, cert: untrustedCert };
    const server = createTlsServer({
      ...key,
      ALPNCallback: ({ protocols }) => {
        offers.push(protocols);
        return protocols[0];
      },
    });
    const url = new URL(`https://127.0.0.1:${await listen(server, () => undefined)}`);
    const pool = createPool(url, 10_000);
    onTestFinished(() => pool.destroy());
    const requests = ["/1", "/2"].map((path) => pool.request({ path, method: "POST" }));
    await Promise.allSettled(requests); // nobody trusts the certificate
    expect(offers).toEqual([["http/1.1"], ["http/1.1"]]);
  });
});
