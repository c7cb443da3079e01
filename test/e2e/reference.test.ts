// The requests and answers of docs/reference.md, as a gateway and an emulator give them. They are
// kept in test/golden/rpc-examples.json, from which scripts/reference.mjs makes the page:
// `npx vitest run test/e2e/reference.test.ts --update` records them again.
import type { JsonValue } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULTS } from "../../src/emulator/options.js";
import { type Emulator, startEmulator } from "../../src/emulator/server.js";
import { connectJson, type JsonRpc } from "../support/json-rpc.js";
import { endPrograms, runGateway } from "../support/processes.js";
import { steadyValues } from "../support/steady-values.js";

const { productKey, firmwareId } = DEFAULTS;
const ROLLOUT = { productKey, firmwareId: "EmulatedFirmware0000030300" };
const OTA = "ota.v1.OtaService";
const OPERATIONS = "google.longrunning.Operations";

let emulator: Emulator;
let client: JsonRpc;

beforeAll(async () => {
  emulator = await startEmulator({ listen: "127.0.0.1:0", devices: 10 });
  const states = { NOTIFIED: 20, SUCCEEDED: 5 };
  emulator.startRollout({ ...ROLLOUT, kind: "dynamic", jobId: "EmulatedUpgradeJob00000300", devices: 300, states });
  const gateway = await runGateway(emulator.url);
  await gateway.opened();
  client = connectJson(gateway.grpc, { "x-ota-caller": "fleet-backend" });
});
afterAll(async () => {
  client.close();
  await endPrograms();
  await emulator.close();
});

describe("the requests of docs/reference.md", () => {
  it("get the answers that the page shows", async () => {
    const examples: object[] = [];
    const show = async (rpc: string, title: string, ...requests: JsonValue[]) => {
      const { answers, error } = await client.ask(rpc, ...requests);
      // How many reports of progress there are depends on the time that answers take.
      const steady = answers.filter((each) => !Object.hasOwn(each as object, "progress"));
      examples.push({ rpc, title, requests, answers: steady, ...(error !== undefined && { error }) });
      return answers[0] as { readonly name: string };
    };
    const waitFor = (name: string) => client.ask(`${OPERATIONS}/WaitOperation`, { name, timeout: "60s" });
    const scope = { productKey, firmwareId };

    await show(`${OTA}/GetQuota`, "Nothing waits:", {});
    await show(`${OTA}/GetRollout`, "", ROLLOUT);
    const stop = await show(`${OTA}/StopRollout`, "Started; its end is under WaitOperation:", {
      ...{ ...ROLLOUT, requestId: "stop-7", reason: "bad build 42", settle: "8s" },
    });
    const request = { ...scope, deviceNames: ["device-0000001", "typo-1"], reason: "bad build 42" };
    await show(`${OTA}/CancelTasksByDevice`, "One of the two devices does not exist:", request);
    await show(`${OTA}/CancelTasksByDevice`, "With `validate_only`:", { ...request, validateOnly: true });
    await show(`${OTA}/CancelTasksByDevice`, "An error:", { ...scope, deviceNames: ["x"] });
    await show(
      `${OTA}/StreamCancelTasksByDevice`,
      "Two requests, and their answers without the progress:",
      { sequence: "1", request: { ...scope, deviceNames: ["device-0000002"] } },
      { sequence: "2", request: { ...scope, deviceNames: ["x"] } },
    );
    const list = await show(
      `${OTA}/SubmitCancelTasksByDevice`,
      "",
      { spec: { requestId: "rollback-7", ...scope, priority: "PRIORITY_BULK" } },
      { deviceNames: ["device-0000003", "typo-2"] },
    );
    await waitFor(list.name);
    await show(`${OPERATIONS}/GetOperation`, "", { name: list.name });
    await show(`${OTA}/ListOperationResults`, "", { name: list.name, outcomes: ["OUTCOME_REJECTED"] });
    await show(`${OPERATIONS}/WaitOperation`, "A stop, at its end:", { name: stop.name, timeout: "60s" });
    await show(`${OPERATIONS}/ListOperations`, "", { filter: "done=true", pageSize: 1 });
    await show(`${OPERATIONS}/CancelOperation`, "", { name: list.name });
    await show(`${OPERATIONS}/DeleteOperation`, "", { name: list.name });
    await show(`${OPERATIONS}/GetOperation`, "An error:", { name: list.name });

    const text = `${JSON.stringify(steadyValues(examples), null, 1)}\n`;
    await expect(text).toMatchFileSnapshot("../golden/rpc-examples.json");
  });
});
