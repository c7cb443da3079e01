import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTaskList } from "../../../src/upstream/task-list.js";

const ROW = {
  DeviceName: "dev-1",
  ProductKey: "product",
  FirmwareId: "firmware",
  TaskStatus: "CANCELED",
  UtcCreate: "2019-11-04T03:38:22.000Z",
  Progress: "0.00",
};
const TASK = {
  deviceName: "dev-1",
  productKey: "product",
  firmwareId: "firmware",
  state: "CANCELED",
  created: "2019-11-04T03:38:22.000Z",
};

function read(answer: object) {
  return readTaskList(JSON.stringify({ RequestId: "R", Success: true, ...answer }));
}

describe("readTaskList", () => {
  it("reads the documented answer", () => {
    expect(read({ Total: 1, PageCount: 1, Data: { SimpleOTATaskInfo: [ROW] } })).toEqual({
      tasks: [TASK],
      whole: true,
    });
  });

  it("reads it in whatever case names come, and ids that are numbers", () => {
    const row = { deviceName: "dev-1", productKey: "product", firmwareId: 7, taskStatus: "canceled" };
    expect(read({ data: { simpleOTATaskInfo: [row] } })).toEqual({
      tasks: [{ ...TASK, firmwareId: "7", created: "" }],
      whole: true,
    });
  });

  it("knows that there is another page", () => {
    expect(read({ Total: 2, Data: { SimpleOTATaskInfo: [ROW] } })).toMatchObject({ whole: false });
    expect(read({ Total: "2", Data: { SimpleOTATaskInfo: [ROW] } })).toMatchObject({ whole: false });
  });

  it.each([{ Data: { SimpleOTATaskInfo: [] } }, { Data: {} }, { Total: 0 }])("takes %o for an empty list", (answer) => {
    expect(read(answer)).toEqual({ tasks: [], whole: true });
  });

  // Or every device would be said to have no task.
  it.each([
    {},
    { Data: null },
    { Data: [] },
    { Data: "" },
    { Total: 3 },
    { Total: "" },
    { Total: " " },
    { Total: false },
    { Total: [] },
    { Data: { SimpleOTATaskInfo: {} } },
    { Data: { SimpleOTATaskInfo: [ROW, null] } },
    { Data: { SimpleOTATaskInfo: [{ ...ROW, DeviceName: undefined }] } },
    { Data: { SimpleOTATaskInfo: [{ ...ROW, TaskStatus: "" }] } },
  ])("does not take %o for a list", (answer) => {
    expect(read(answer)).toBeUndefined();
  });

  it("does not take anything but whole JSON for a list, whatever it is", () => {
    const text = JSON.stringify({ Data: { SimpleOTATaskInfo: [ROW] } });
    expect(readTaskList(text)).toBeDefined();
    expect(readTaskList(text.slice(0, -1))).toBeUndefined();
    expect(readTaskList("<ListOTATaskByJobResponse><Data/></ListOTATaskByJobResponse>")).toBeUndefined();
    fc.assert(fc.property(fc.json(), (json) => void readTaskList(json)));
  });

  it("shows no state that is not one short word", () => {
    const list = read({
      Data: { SimpleOTATaskInfo: [{ ...ROW, TaskStatus: `\u001b[31m two\nlines ${"x".repeat(200)}` }] },
    });
    expect(list?.tasks[0]?.state).toMatch(/^[\x21-\x7e]{1,32}$/);
  });
});
