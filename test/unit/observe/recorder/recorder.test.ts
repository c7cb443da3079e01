import { describe, expect, it } from "vitest";
import { flightDownload } from "../../../../src/observe/recorder/download.js";
import { aRecorder, readText, written } from "./records.js";

describe("FlightRecorder", () => {
  it("writes a header with one moment by both clocks, and a line for each call", async () => {
    const { recorder, clock } = aRecorder();
    await clock.advance(1000.5);
    const call = recorder.sent(clock.now(), 200);
    await clock.advance(20.25);
    call.ended(clock.now(), "accepted", "3B8C3B4E-0001");
    recorder.sent(clock.now(), 7);
    await clock.advance(5);
    expect(written(recorder)).toMatchObject({
      header: {
        format: "ota-gateway flight record",
        version: 1,
        account: "default",
        replica: "gw-1",
        callsPerSecond: 10,
        callTimeoutMs: 10_000,
        marginMs: 1000,
        recordingSince: "2026-01-01T00:00:00.000Z",
        completeSince: "2026-01-01T00:00:00.000Z",
        completeSinceMs: 0,
        writtenAt: "2026-01-01T00:00:01.025Z",
        writtenAtMs: 1025.75,
        calls: 2,
      },
      calls: [
        { sent: 1000.5, ended: 1020.75, kind: "accepted", devices: 200, requestId: "3B8C3B4E-0001" },
        { sent: 1020.75, kind: "in-flight", devices: 7, requestId: "" },
      ],
    });
  });

  it("writes when a call had arrived at the latest, if its token returned early for that", async () => {
    const { recorder, clock } = aRecorder();
    const call = recorder.sent(clock.now(), 200);
    await clock.advance(120);
    call.ended(clock.now(), "accepted", "R", 99.5);
    expect(written(recorder).calls).toEqual([
      { sent: 0, ended: 120, arrivedBy: 20.5, kind: "accepted", devices: 200, requestId: "R" },
    ]);
  });

  it("writes whether the ledger is shared, and by how many as of now", () => {
    expect(written(aRecorder().recorder).header).toMatchObject({ ledger: "in-process" });
    let replicas: number | undefined;
    const { recorder } = aRecorder({ ledger: "shared", replicas: () => replicas });
    expect(written(recorder).header).toMatchObject({ ledger: "shared" });
    expect(written(recorder).header).not.toHaveProperty("replicas");
    replicas = 2;
    expect(written(recorder).header).toMatchObject({ ledger: "shared", replicas: 2 });
  });

  it("tells its recordings apart", () => {
    expect(written(aRecorder().recorder).header.recording).not.toBe(written(aRecorder().recorder).header.recording);
  });

  it("writes the file as of the moment when it was asked for", () => {
    const { recorder } = aRecorder();
    const early = recorder.sent(0, 1);
    const file = recorder.file();
    early.ended(0, "accepted");
    recorder.sent(0, 1);
    expect([...file].join("")).toMatch(/^.*"calls":1}\n.*"kind":"in-flight".*\n$/);
  });

  it("counts an end once", () => {
    const { recorder } = aRecorder();
    const call = recorder.sent(0, 1);
    call.ended(0, "accepted");
    call.ended(0, "lost");
    expect(written(recorder).calls).toMatchObject([{ kind: "accepted" }]);
  });

  it("forgets the oldest beyond an hour at the full rate, and says from when on it is complete", async () => {
    const { recorder, clock } = aRecorder({ callsPerSecond: 1 });
    await clock.advance(20_000_000);
    recorder.sent(1000, 1).ended(11_000, "lost");
    recorder.sent(11_100, 1).ended(11_200, "accepted"); // forgotten later, and over before
    recorder.sent(12_000, 1).ended(12_500, "unwritten");
    for (let n = 0; n < 3600; n++) recorder.sent(20_000 + n * 1000, 1).ended(20_500 + n * 1000, "accepted");
    const { header, calls } = written(recorder);
    expect(calls).toHaveLength(3600);
    expect(calls[0]).toMatchObject({ sent: 20_000 });
    // The lost call can have arrived until 1000 + 10,000 + 1000 ms; the one that was not written, never.
    expect(header.completeSinceMs).toBe(12_000);
    expect(header.completeSince).toBe("2026-01-01T00:00:12.000Z");
    recorder.sent(4_000_000, 1).ended(4_000_500, "accepted");
    expect(written(recorder).header.completeSinceMs).toBe(20_500.001);
  });

  it("writes no end before its beginning, also of a call that took no time", () => {
    const { recorder } = aRecorder();
    recorder.sent(1.99999, 1).ended(1.99999, "accepted");
    expect(written(recorder).calls).toMatchObject([{ sent: 2, ended: 2 }]);
  });

  it("bounds its memory also where the quota is large", () => {
    const { recorder } = aRecorder({ callsPerSecond: 1000 });
    for (let n = 0; n < 100_010; n++) recorder.sent(0, 1).ended(0, "accepted");
    expect(written(recorder).header.calls).toBe(100_000);
  });

  it("writes long files in pieces", () => {
    const { recorder } = aRecorder();
    for (let n = 0; n < 5000; n++) recorder.sent(0, 1).ended(0, "accepted", "3B8C3B4E-0001");
    const pieces = [...recorder.file()];
    expect(pieces.length).toBeGreaterThan(4);
    for (const piece of pieces) expect(piece.length).toBeLessThan(70_000);
  });
});

describe("flightDownload", () => {
  it("holds the record of every account, and is named after the replica and the time", async () => {
    const { recorder, clock } = aRecorder();
    const { recorder: other } = aRecorder({ account: "other" });
    recorder.sent(0, 1);
    const { fileName, contentType, chunks } = flightDownload([recorder, other], "gw-1", clock);
    expect(fileName).toBe("flight-record-gw-1-2026-01-01T000000Z.jsonl");
    expect(contentType).toBe("application/jsonl");
    const records = await readText([...chunks].join(""));
    expect(records.map(({ header, calls }) => [header.account, calls.length])).toEqual([
      ["default", 1],
      ["other", 0],
    ]);
  });
});
