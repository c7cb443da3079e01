import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { keySourceOf, keysOf } from "../../../src/identity/key-source.js";

async function sourceAt(answer: RequestListener) {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return keySourceOf({ kind: "url", url: new URL(`http://127.0.0.1:${port}/jwks.json`) });
}

describe("keySourceOf", () => {
  it("reads what the address answers", async () => {
    const source = await sourceAt(({ url, headers }, response) => response.end(`${url} ${headers.accept}`));
    expect(await source.read()).toBe("/jwks.json application/jwk-set+json, application/json");
  });

  it("takes no other answer: errors and redirects", async () => {
    const failing = await sourceAt((_, response) => response.writeHead(503).end("x"));
    await expect(failing.read()).rejects.toThrow("the issuer answered with status 503");
    const elsewhere = await sourceAt((_, response) => response.writeHead(302, { location: "/other" }).end());
    await expect(elsewhere.read()).rejects.toThrow("redirect");
  });

  it("stops reading an answer that never ends, and hangs up", async () => {
    let hangUp = () => {};
    const hungUp = new Promise<void>((resolve) => {
      hangUp = resolve;
    });
    const endless = await sourceAt((_, response) => {
      // Only when the socket takes more: a write to a response that was hung up calls back at once,
      // and a loop of such callbacks keeps this process from ever seeing the socket's end.
      const more = () => {
        while (response.write("x".repeat(65_536)));
      };
      response.on("drain", more).on("close", hangUp);
      more();
    });
    await expect(endless.read()).rejects.toThrow("too large (limit 1048576 bytes)");
    await hungUp;
  });

  it("says why the issuer does not answer", async () => {
    const gone = keySourceOf({ kind: "url", url: new URL("http://127.0.0.1:1/") });
    await expect(gone.read()).rejects.toThrow(/ECONNREFUSED|bad port/);
    await expect(keySourceOf({ kind: "file", path: "/no/such/file" }).read()).rejects.toThrow("ENOENT");
  });
});

describe("keysOf", () => {
  it.each(['{"keys":[7]}', '{"keys":[null]}', '{"keys":[["s3cr3t"]]}', '{"keys":["s3cr3t"]}'])(
    "says that an entry of %s is not a key, and does not quote it (was: the words of a TypeError)",
    (text) => {
      expect(() => keysOf(text)).toThrow(/^an entry of keys is not a key$/);
    },
  );
});
