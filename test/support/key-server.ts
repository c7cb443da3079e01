// An issuer's address on this machine: it answers with a JWK Set, counts requests, and can go away
// and come back.
import { createServer, type Server } from "node:http";
import { freePort } from "./free-port.js";

export interface KeyServer {
  readonly url: string;
  /** Number of requests. */
  readonly asked: number;
  publish(text: string): void;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
}

export async function startKeyServer(text: string): Promise<KeyServer> {
  let published = text;
  let asked = 0;
  const port = await freePort();
  let server: Server | undefined;
  const comeBack = async () => {
    const started = createServer((_, response) => {
      asked++;
      response.setHeader("content-type", "application/json").end(published);
    });
    await new Promise<void>((resolve) => started.listen(port, "127.0.0.1", resolve));
    server = started;
  };
  await comeBack();
  return {
    url: `http://127.0.0.1:${port}/jwks.json`,
    get asked() {
      return asked;
    },
    publish: (more) => {
      published = more;
    },
    goAway: () =>
      new Promise((resolve) => {
        server?.close(() => resolve());
        server?.closeAllConnections();
      }),
    comeBack,
  };
}
