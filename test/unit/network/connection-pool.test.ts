import { createServer as createTlsServer } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { createConnectionPool } from "../../../src/network/connection-pool.js";
import { exchange } from "../../../src/upstream/exchange.js";
import { type ForwardProxy, startForwardProxy } from "../../support/forward-proxy.js";
import { HandClock } from "../../support/hand-clock.js";
import { CLOSED_PORT, listen, listenHttp, listenTcp } from "../upstream/local-server.js";
import { untrustedCert, untrustedKey } from "../upstream/untrusted-cert.js";

const TIMEOUT_MS = 10_000;

/** Sends one request to `url`, which only the proxy can resolve. */
async function send(url: string, proxy: string, clock = new HandClock()) {
  const dispatcher = createConnectionPool(new URL(url), TIMEOUT_MS, new URL(proxy));
  onTestFinished(() => dispatcher.destroy());
  return exchange(dispatcher, new URL(url).origin, { path: "/?a=1", headers: {} }, clock, TIMEOUT_MS);
}

async function proxied(refusesWith?: number): Promise<ForwardProxy> {
  const proxy = await startForwardProxy();
  onTestFinished(proxy.close);
  proxy.refusesWith = refusesWith;
  return proxy;
}

describe("createConnectionPool", () => {
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
    const { origin, href } = new URL(`https://127.0.0.1:${await listen(server, () => undefined)}`);
    const proxy = await proxied();
    for (const way of [undefined, new URL(proxy.url)]) {
      const dispatcher = createConnectionPool(new URL(href), 10_000, way);
      onTestFinished(() => dispatcher.destroy());
      const requests = ["/1", "/2"].map((path) => dispatcher.request({ origin, path, method: "POST" }));
      await Promise.allSettled(requests); // nobody trusts the certificate
      expect(offers.splice(0)).toEqual([["http/1.1"], ["http/1.1"]]);
    }
  });
});

describe("exchange through a proxy", () => {
  it("sends a plain request to the proxy whole, with user and password", async () => {
    const port = await listenHttp((incoming, response) => response.end(`${incoming.headers.host} ${incoming.url}`));
    const proxy = await proxied();
    const outcome = await send(`http://cloud.test:${port}`, proxy.url);
    expect(outcome).toMatchObject({ kind: "answered", answer: { status: 200, body: `cloud.test:${port} /?a=1` } });
    expect(proxy.asked).toEqual([`POST http://cloud.test:${port}/?a=1`]);
  });

  it.each([407, 502, 403])(
    "says unwritten when the proxy refuses a tunnel with %i, and names the status",
    async (status) => {
      const proxy = await proxied(status);
      expect(await send("https://cloud.test", proxy.url)).toEqual({ kind: "unwritten", fault: `PROXY_${status}` });
      expect(proxy.asked).toEqual(["CONNECT cloud.test:443"]);
    },
  );

  it("says unwritten when nobody listens at the proxy's address", async () => {
    const proxy = `http://me:secret@127.0.0.1:${CLOSED_PORT}`;
    expect(await send("https://cloud.test", proxy)).toEqual({ kind: "unwritten", fault: "ECONNREFUSED" });
  });

  it("says unwritten when the proxy closes the connection instead of an answer", async () => {
    const port = await listenTcp((socket) => socket.once("data", () => socket.destroy()));
    expect((await send("https://cloud.test", `http://127.0.0.1:${port}`)).kind).toBe("unwritten");
  });

  it("says unwritten when the proxy never answers, and writes nothing when it does after all", async () => {
    const asked = Promise.withResolvers<(text: string) => void>();
    let bytes = "";
    const port = await listenTcp((socket) => {
      socket.on("data", (chunk) => {
        bytes += chunk.toString();
        asked.resolve((text) => socket.write(text));
      });
    });
    const clock = new HandClock();
    const outcome = send("https://cloud.test", `http://127.0.0.1:${port}`, clock);
    const answer = await asked.promise;
    await clock.advance(TIMEOUT_MS);
    expect(await outcome).toEqual({ kind: "unwritten", fault: "timeout" });
    answer("HTTP/1.1 407 Nobody\r\ncontent-length: 0\r\n\r\n");
    expect(bytes).toMatch(/^CONNECT cloud\.test:443 HTTP\/1\.1\r\n/);
    expect(bytes).not.toContain("POST");
  });

  it("says unwritten when the certificate behind the tunnel is not trusted", async () => {
    const server = createTlsServer({ key: untrustedKey, cert: untrustedCert });
    const proxy = await proxied();
    const port = await listen(server, () => undefined);
    expect((await send(`https://cloud.test:${port}`, proxy.url)).kind).toBe("unwritten");
  });

  it("says lost when a plain request was refused: the proxy may have sent it", async () => {
    for (const status of [407, 502]) {
      const proxy = await proxied(status);
      const outcome = await send("http://cloud.test", proxy.url);
      if (status === 407) expect(outcome).toMatchObject({ kind: "lost", fault: "PROXY_407" });
      else expect(outcome).toMatchObject({ kind: "answered", answer: { status: 502 } }); // without a RequestId
    }
  });
});
