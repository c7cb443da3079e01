import { describe, expect, it } from "vitest";
import { awaitRollout } from "../../../src/cli/await-rollout.js";
import type { Rollout } from "../../../src/client/client.js";
import { HandClock } from "../../support/hand-clock.js";

const SCOPE = { productKey: "product", firmwareId: "firmware" };
const ROLLOUT = { jobs: [] } as unknown as Rollout;

function reading() {
  const clock = new HandClock();
  const said: string[] = [];
  let [answer, refuse] = [(_: Rollout) => {}, (_: Error) => {}];
  const rollout = () =>
    new Promise<Rollout>((resolve, reject) => {
      [answer, refuse] = [resolve, reject];
    });
  const read = awaitRollout({ rollout }, SCOPE, { clock, screen: { write: (text) => said.push(text) } });
  return { clock, said, read, answer: () => answer(ROLLOUT), refuse: (error: Error) => refuse(error) };
}

describe("reading a rollout", () => {
  it("says nothing if it is quick", async () => {
    const { clock, said, read, answer } = reading();
    await clock.advance(1900);
    answer();
    expect(await read).toBe(ROLLOUT);
    await clock.advance(60_000);
    expect(said).toEqual([]);
  });

  it("says once what takes so long", async () => {
    const { clock, said, read, answer } = reading();
    await clock.advance(30_000);
    expect(said).toEqual([
      "reading the batches, and how many tasks are in which state; forty take about half a minute …\n",
    ]);
    answer();
    expect(await read).toBe(ROLLOUT);
  });

  it("says nothing after an error", async () => {
    const { clock, said, read, refuse } = reading();
    refuse(new Error("no batches"));
    await expect(read).rejects.toThrow("no batches");
    await clock.advance(60_000);
    expect(said).toEqual([]);
  });
});
