import { describe, expect, it } from "vitest";
import { BatchBuilder } from "../../../../src/gateway/queue/batch.js";
import { SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

const fill = (builder: BatchBuilder, names: readonly string[]) => {
  for (const name of names) if (builder.fits(name)) builder.add({ name, owners: [] });
  return builder.devices.map(({ name }) => name);
};

describe("BatchBuilder", () => {
  it("has as many seats as the upstream takes devices", () => {
    const builder = new BatchBuilder({ ...ROOM, devices: 2 }, SCOPE);
    expect(builder.left).toBe(2);
    expect(fill(builder, ["one", "two", "three"])).toEqual(["one", "two"]);
    expect(builder.left).toBe(0);
  });

  it("is full once a device did not fit, though a shorter one would: nobody overtakes for being short", () => {
    const builder = new BatchBuilder({ ...ROOM, bytes: 110, bytesOfScope: () => 100 }, SCOPE);
    expect(fill(builder, ["12345678", "1234", "1"])).toEqual(["12345678"]);
    expect(builder.left).toBe(0);
  });

  it("has room for one device, however long", () => {
    expect(fill(new BatchBuilder({ ...ROOM, bytes: 1 }, SCOPE), ["long", "longer"])).toEqual(["long"]);
  });
});
