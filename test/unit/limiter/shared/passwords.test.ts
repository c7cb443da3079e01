// Stores whose messages quote the password they were sent.
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { passwordsHidden } from "../../../../src/limiter/shared/passwords.js";
import { connectStore } from "../../../../src/limiter/shared/redis.js";
import { FakeLog } from "../../../support/fake-log.js";
import { until } from "../../../support/processes.js";

describe("passwordsHidden", () => {
  it("hides each, as it is and as addresses spell it", () => {
    const hidden = passwordsHidden([new URL("redis://:a%2Fb@h"), new URL("redis://h"), new URL("redis://u:50%25c%@h")]);
    expect(hidden("a/b a%2Fb 50%25c%")).toBe("*** *** ***");
    expect(
      passwordsHidden([new URL("redis+sentinel://:a@h/g?sentinelUsername=u&sentinelPassword=s%26")])("s& s%26 a"),
    ).toBe("*** *** ***");
    expect(hidden("ERR unknown command 'AUTH', with args beginning with: 'a\\/")).toBe("ERR unknown command 'AUTH'");
  });
});

describe("connectStore", () => {
  it("does not log the password that a server without AUTH quotes", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      const refusal = "-ERR unknown command 'auth', with args beginning with: 'SEC/RET'\r\n";
      socket.on("data", (sent) => socket.write(refusal.repeat(String(sent).split("*").length - 1)));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const log = new FakeLog();
    const { port } = server.address() as AddressInfo;
    const store = await connectStore([new URL(`redis://:SEC%2FRET@127.0.0.1:${port}`)], log);
    onTestFinished(() => {
      store.close();
      server.close();
    });
    await until(() => log.lines.length > 0);
    const error = await store
      .storeOf("a")
      .run([])
      .catch((reason: unknown) => reason);
    expect(String(error)).toContain("unknown command 'auth'");
    expect(`${JSON.stringify(log.lines)} ${error}`).not.toContain("SEC");
  });
});
