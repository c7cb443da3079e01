import { appendFileSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { endedWell } from "../../../../src/cli/cancel/earlier-results.js";
import { outputBy, resumeCommand } from "../../../../src/cli/cancel/output.js";
import { type ResultFormat, resultRow } from "../../../../src/cli/cancel/result-row.js";
import { ResultsFile } from "../../../../src/cli/cancel/results-file.js";
import type { Outcome } from "../../../../src/client/client.js";

const SCOPE = { productKey: "a1", firmwareId: "f1" };
const folder = mkdtempSync(join(tmpdir(), "ota-gateway-results-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fresh(format: ResultFormat): string {
  return join(folder, `results-${files++}.${format}`);
}

function noFailure(error: Error): never {
  throw error;
}

function write(results: ResultsFile, rows: readonly (readonly [string, Outcome])[]): void {
  for (const [deviceName, outcome] of rows) {
    const ok = outcome === "ACCEPTED";
    const failure = {
      reason: "REJECTED",
      code: "NOT_FOUND",
      message: 'no "such",\ndevice',
      violations: [],
      devices: {},
    };
    results.add(resultRow({ deviceName, outcome, ok, ...(!ok && { failure }) }, SCOPE, new Date(0)));
  }
  results.close();
}

describe.each(["csv", "jsonl"] as const)("ResultsFile in %s", (format) => {
  it("gives back which devices ended well: the last line of each counts", async () => {
    const file = fresh(format);
    write(ResultsFile.create(file, format, noFailure), [
      ["dev-0", "ACCEPTED"],
      ["dev-1", "REJECTED"],
      ["dev-2", "UNKNOWN"],
    ]);
    write(ResultsFile.continued(file, format, noFailure), [["dev-2", "ACCEPTED"]]);
    expect([...(await endedWell(file, format, SCOPE))].sort()).toEqual(["dev-0", "dev-2"]);
    expect(readFileSync(file, "utf8").match(/device_name,outcome/g) ?? []).toHaveLength(format === "csv" ? 1 : 0);
  });

  it("passes over a line that a crash tore, and cuts it off before it goes on", async () => {
    const file = fresh(format);
    write(ResultsFile.create(file, format, noFailure), [
      ["dev-0", "ACCEPTED"],
      ["dev-1", "ACCEPTED"],
    ]);
    const whole = readFileSync(file, "utf8");
    writeFileSync(file, whole.slice(0, -20)); // in the middle of the last line
    expect([...(await endedWell(file, format, SCOPE))]).toEqual(["dev-0"]);
    write(ResultsFile.continued(file, format, noFailure), [["dev-1", "ACCEPTED"]]);
    expect(readFileSync(file, "utf8")).toBe(whole);
  });

  it("begins anew in a file of which a crash left nothing whole", async () => {
    const file = fresh(format);
    writeFileSync(file, "devi");
    expect((await endedWell(file, format, SCOPE)).size).toBe(0);
    write(ResultsFile.continued(file, format, noFailure), [["dev-0", "ACCEPTED"]]);
    expect([...(await endedWell(file, format, SCOPE))]).toEqual(["dev-0"]);
  });

  it("is not gone on with for another product, firmware or batch", async () => {
    const file = fresh(format);
    write(ResultsFile.create(file, format, noFailure), [["dev-0", "ACCEPTED"]]);
    await expect(endedWell(file, format, { ...SCOPE, firmwareId: "f2" })).rejects.toThrow(
      `${file} is for firmware_id f1, but this run is for f2`,
    );
    await expect(endedWell(file, format, { ...SCOPE, jobId: "j" })).rejects.toThrow("job_id (none)");
  });

  it("is read as before after a spreadsheet has saved it and a run has continued it (was: rows were lost)", async () => {
    const file = fresh(format);
    write(ResultsFile.create(file, format, noFailure), [["dev-0", "ACCEPTED"]]);
    writeFileSync(file, `\ufeff${readFileSync(file, "utf8").replaceAll("\n", "\r\n")}`);
    write(ResultsFile.continued(file, format, noFailure), [
      ["dev-1", "ACCEPTED"],
      ["dev-2", "UNKNOWN"],
      ["dev-3", "ACCEPTED"],
    ]);
    expect([...(await endedWell(file, format, SCOPE))].sort()).toEqual(["dev-0", "dev-1", "dev-3"]);
  });

  it.each(["=A1*", "'=A1*", "+86-*", "@x,y", "-*", "'-"])(
    "is continued for the id %s that it was begun for (was: refused, for an apostrophe)",
    async (id) => {
      const file = fresh(format);
      const scope = { productKey: id, firmwareId: id, jobId: id };
      const results = ResultsFile.create(file, format, noFailure);
      results.add(resultRow({ deviceName: "dev-0", outcome: "ACCEPTED", ok: true }, scope, new Date(0)));
      results.close();
      expect([...(await endedWell(file, format, scope))]).toEqual(["dev-0"]);
      await expect(endedWell(file, format, { ...scope, jobId: `'${id}` })).rejects.toThrow("is for job_id");
    },
  );

  it("is refused if it is something else", async () => {
    const file = fresh(format);
    appendFileSync(file, "hello\nworld\n");
    await expect(endedWell(file, format, SCOPE)).rejects.toThrow("is not a results file");
  });

  it("is for its owner alone: it names devices", () => {
    const file = fresh(format);
    ResultsFile.create(file, format, noFailure).close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("is never overwritten", () => {
    const file = fresh(format);
    writeFileSync(file, "precious");
    expect(() => outputBy(file, undefined)).toThrow(`continue it with cancel --resume ${file}`);
    expect(() => ResultsFile.create(file, format, noFailure)).toThrow("EEXIST");
  });
});

describe("ResultsFile in csv, edited by hand", () => {
  const row = "dev-0,ACCEPTED,,,,,a1,f1,,,";

  it("is refused with its columns in another order (was: continued below the wrong titles)", async () => {
    const file = fresh("csv");
    writeFileSync(file, "outcome,device_name,product_key,firmware_id\nACCEPTED,dev-0,a1,f1\n");
    await expect(endedWell(file, "csv", SCOPE)).rejects.toThrow("its columns are not those of cancel");
  });

  it("is read with a column of the user's behind its own", async () => {
    const file = fresh("csv");
    write(ResultsFile.create(file, "csv", noFailure), []);
    writeFileSync(file, `${readFileSync(file, "utf8").trim()},note\n${row},done\n`);
    expect([...(await endedWell(file, "csv", SCOPE))]).toEqual(["dev-0"]);
  });
});

describe("ResultsFile on a full disk", () => {
  it("says so once, never throws, and tells what it could not write", () => {
    const failures: string[] = [];
    const results = ResultsFile.onto(openSync("/dev/full", "w"), "r.jsonl", ({ message }) => failures.push(message));
    const row = resultRow({ deviceName: "dev-0", outcome: "ACCEPTED", ok: true }, SCOPE, new Date(0));
    results.add(row);
    results.flush();
    results.add(row);
    results.flush();
    expect(failures).toEqual(["r.jsonl cannot be written: ENOSPC: no space left on device, write"]);
    expect(results.close()).toMatchObject({ rows: 2 });
    expect(failures).toHaveLength(1);
  });

  it("says so also if it finds out at the end", () => {
    const failures: Error[] = [];
    const results = ResultsFile.onto(openSync("/dev/full", "w"), "r.jsonl", (error) => failures.push(error));
    results.add(resultRow({ deviceName: "dev-0", outcome: "ACCEPTED", ok: true }, SCOPE, new Date(0)));
    expect(results.close()).toEqual({ rows: 1, error: failures[0] });
  });
});

describe("outputBy", () => {
  it("refuses to go on from one file in another: the next run would not know of the first", () => {
    expect(() => outputBy("b.jsonl", "a.jsonl")).toThrow(
      "--resume a.jsonl continues that file; leave out --output b.jsonl",
    );
  });

  it("takes both for the same file, however it is written, and beside standard output", () => {
    expect(outputBy(`${folder}/./a.jsonl`, join(folder, "a.jsonl"))?.file).toBe(join(folder, "a.jsonl"));
    expect(outputBy("-", "a.jsonl")).toMatchObject({ file: undefined });
  });
});

describe("resumeCommand", () => {
  it("is the command that was given, with --resume in the place of --output", () => {
    const argv = [
      "/usr/bin/node",
      "/usr/bin/ota-gateway",
      "cancel",
      "--output",
      "r.jsonl",
      "--reason",
      "it's bad",
      "--devices-file=x",
    ];
    expect(resumeCommand(argv, "r.jsonl")).toBe(
      `ota-gateway cancel --reason 'it'\\''s bad' --devices-file=x --resume r.jsonl`,
    );
  });

  it("keeps names that look like flags behind it", () => {
    const argv = ["node", "ota-gateway", "cancel", "--output=r.csv", "--", "-dev1", "--output"];
    expect(resumeCommand(argv, "r.csv")).toBe("ota-gateway cancel --resume r.csv -- -dev1 --output");
  });
});
