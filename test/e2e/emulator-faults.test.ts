// Faults that are set from outside while the emulator runs, as any client can set them.
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EmulatorOptions } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { seededName } from "../../src/emulator/state/seeded-name.js";
import { HandClock } from "../support/hand-clock.js";
import { cancelParameters, signedV3 } from "../unit/emulator/signed-requests.js";

async function start(options: EmulatorOptions = {}) {
  const clock = new HandClock();
  const emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 20, clock, ...options });
  onTestFinished(() => emulator.close());
  const put = async (json: unknown, method = "PUT") => {
    const body = typeof json === "string" ? json : JSON.stringify(json);
    const response = await fetch(`${emulator.url}/__faults`, { method, ...(method === "PUT" && { body }) });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };
  return { clock, emulator, put, cancel: (epochMs = clock.wallNow()) => cancel(emulator, epochMs) };
}

/** Cancels the first seeded device; resolves when the headers of the answer are there. */
async function open({ port }: Emulator, epochMs: number): Promise<IncomingMessage> {
  const wire = signedV3({ host: `127.0.0.1:${port}`, epochMs, query: cancelParameters(seededName(0)) });
  const path = `/?${new URLSearchParams(wire.query.map(([name, value]): [string, string] => [name, value]))}`;
  const headers = { ...wire.headers, accept: "application/json" };
  const request = httpRequest({ host: "127.0.0.1", port, path, method: "POST", headers, agent: false });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return response;
}

async function cancel(emulator: Emulator, epochMs: number) {
  const response = await open(emulator, epochMs);
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += chunk as string;
  return { status: response.statusCode, date: response.headers.date, headers: response.headers, body };
}

describe("PUT /__faults", () => {
  it("plays a script of errors, shows how far it is, and is cleared by DELETE", async () => {
    const { put, cancel } = await start({ latencyMs: 0 });
    const rules = [
      { times: 1, fault: { kind: "error", code: "Throttling.User", retryAfterMs: 250 } },
      { times: 1, fault: { kind: "error", code: "iot.system.SystemException" } },
      { fault: { kind: "bad-gateway" } },
    ];
    expect(await put({ rules })).toMatchObject({ status: 200, json: { rules: [{ struck: 0 }, {}, {}] } });
    expect(await cancel()).toMatchObject({ status: 400, headers: { "x-acs-retry-after": "250" } });
    expect(JSON.parse((await cancel()).body)).toMatchObject({ Success: false, Code: "iot.system.SystemException" });
    expect(await cancel()).toMatchObject({ status: 502, headers: { "content-type": "text/html" } });
    const shown = await put(undefined, "GET");
    expect(shown.json["rules"]).toMatchObject([{ struck: 1 }, { struck: 1 }, { struck: 1 }]);
    expect(await put(undefined, "DELETE")).toMatchObject({ json: { latencyMs: 0, rules: [] } });
    expect((await cancel()).status).toBe(200);
  });

  it("tells with 400 all that is wrong, and then leaves in force what was", async () => {
    const { put } = await start();
    await put({ clockSkewMs: 5 });
    expect(await put({ clockSkew: 7, rules: [{ fault: { kind: "hang", applied: "no" } }] })).toEqual({
      status: 400,
      json: {
        errors: [
          expect.stringContaining("clockSkew: is unknown; known are latencyMs"),
          "rules[0].fault.applied: must be true or false",
        ],
      },
    });
    expect(await put("{")).toMatchObject({ status: 400, json: { errors: [expect.stringContaining("not JSON")] } });
    expect((await put(undefined, "GET")).json).toMatchObject({ clockSkewMs: 5 });
    expect(await put(undefined, "POST")).toMatchObject({ status: 405 });
  });

  it("skews the clock that calls are checked against, and that answers show", async () => {
    const { put, cancel, clock } = await start();
    await put({ clockSkewMs: 3_600_000 });
    const refused = await cancel();
    expect(JSON.parse(refused.body)).toMatchObject({ Code: "InvalidTimeStamp.Expired" });
    expect(Date.parse(refused.date ?? "")).toBe(clock.wallNow() + 3_600_000);
    expect((await cancel(clock.wallNow() + 3_600_000)).status).toBe(200);
  });

  it("refuses connections for a while, and drops those that there are", async () => {
    const { put, cancel, clock, emulator } = await start();
    const idle = connect(emulator.port, "127.0.0.1");
    const dropped = once(idle, "close");
    await once(idle, "connect");
    expect((await put({ refuseConnectionsMs: 5_000 })).status).toBe(200);
    await dropped;
    await expect(cancel()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(clock.armed).toBe(1);
    await clock.advance(5_000);
    expect((await cancel()).status).toBe(200);
  });

  it("refuses as long as the latest plan says (was: as the first one did)", async () => {
    const { cancel, clock, emulator } = await start();
    emulator.setFaults({ refuseConnectionsMs: 5_000 });
    await clock.advance(4_000);
    emulator.setFaults({ refuseConnectionsMs: 5_000 });
    await clock.advance(4_000);
    await expect(cancel()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    emulator.setFaults({});
    await expect.poll(async () => (await cancel().catch(() => undefined))?.status).toBe(200);
    await clock.advance(5_000);
    expect((await cancel()).status).toBe(200);
  });

  it("trickles the body of an answer whose headers are there", async () => {
    const { put, clock, emulator } = await start();
    await put({ rules: [{ fault: { kind: "slow-body", bodyMs: 800 } }] });
    const response = await open(emulator, clock.wallNow());
    expect(response.statusCode).toBe(200);
    let body = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    const ended = once(response, "end");
    await once(response, "data");
    expect(body.length).toBeLessThan(40);
    for (let piece = 0; piece < 8; piece++) await clock.advance(100);
    await ended;
    expect(JSON.parse(body)).toMatchObject({ Success: true });
  });

  it("hangs or resets a call that was carried out all the same", async () => {
    const { put, cancel, emulator } = await start();
    await put({ rules: [{ fault: { kind: "reset", applied: true } }] });
    await expect(cancel()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(emulator.taskOf(seededName(0))).toBe("CANCELED");
  });

  it("gives way to the faults that the process chooses itself", async () => {
    const { put, cancel } = await start({
      faults: ({ number }) => (number === 1 ? { kind: "bad-gateway" } : undefined),
    });
    await put({ rules: [{ fault: { kind: "error", code: "InternalError" } }] });
    expect([(await cancel()).status, (await cancel()).status]).toEqual([502, 500]);
  });

  it("changes the latency of calls to come", async () => {
    const { put, cancel, clock, emulator } = await start({ latencyMs: 60_000, random: () => 0.5 });
    await put({});
    expect((await cancel()).status).toBe(200);
    await put({ latencyMs: 1_000 });
    const slow = cancel();
    await expect.poll(() => clock.armed).toBe(1);
    expect(emulator.stats().arrivals).toBe(1);
    await clock.advance(500);
    await expect.poll(() => clock.armed).toBe(1);
    await clock.advance(500);
    expect((await slow).status).toBe(200);
  });
});
