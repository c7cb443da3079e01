import { describe, expect, it } from "vitest";
import { Cabin } from "../../../../src/gateway/queue/batch.js";
import { SCOPE } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

const fill = (cabin: Cabin, names: readonly string[]) => {
  for (const name of names) if (cabin.fits(name)) cabin.seat(name, []);
  return cabin.seats.map(({ name }) => name);
};

describe("Cabin", () => {
  it("has as many seats as the upstream takes devices", () => {
    const cabin = new Cabin({ ...ROOM, devices: 2 }, SCOPE);
    expect(cabin.left).toBe(2);
    expect(fill(cabin, ["one", "two", "three"])).toEqual(["one", "two"]);
    expect(cabin.left).toBe(0);
  });

  it("is full once a device did not fit, though a shorter one would: nobody overtakes for being short", () => {
    const cabin = new Cabin({ ...ROOM, bytes: 110, bytesOfScope: () => 100 }, SCOPE);
    expect(fill(cabin, ["12345678", "1234", "1"])).toEqual(["12345678"]);
    expect(cabin.left).toBe(0);
  });

  it("has room for one device, however long", () => {
    expect(fill(new Cabin({ ...ROOM, bytes: 1 }, SCOPE), ["long", "longer"])).toEqual(["long"]);
  });
});
