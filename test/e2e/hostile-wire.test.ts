// A running gateway under bytes that no client of ours would send, the same every time; FUZZ_SEED makes it others,
// and `npm run fuzz` goes on with them for as long as one likes.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Campaign, startCampaign, type Tally } from "../fuzz/campaign.js";
import { until } from "../support/processes.js";

const SEED = Number(process.env["FUZZ_SEED"] ?? 1);

/** Allowed growth of the heap, independent of the amount of traffic. */
const GROWTH_MIB = 16;

let campaign: Campaign;
let socketsBefore: number;
let memoryBeforeMiB: number;

beforeAll(async () => {
  campaign = await startCampaign(SEED);
  await campaign.randomMessages(600); // what is loaded and compiled on first use
  socketsBefore = await campaign.sockets();
  memoryBeforeMiB = await campaign.memoryMiB();
});
afterAll(() => campaign?.close());

const total = (tally: Tally) => Object.values(tally).reduce((sum, count) => sum + count, 0);

describe(`a gateway under hostile bytes (FUZZ_SEED=${SEED})`, () => {
  it("lives through connections that break HTTP/2 in every way we know, and serves others", async () => {
    await campaign.brokenWire(3);
    expect(await campaign.complaints()).toEqual([]);
  });

  it("lives through an admin port that is asked nonsense", async () => {
    await campaign.brokenHttp(3);
    expect(await campaign.complaints()).toEqual([]);
  });

  it("answers every rpc that breaks gRPC with the status that it calls for", async () => {
    await campaign.brokenRpcs();
    expect(await campaign.complaints()).toEqual([]);
  });

  it("answers 10,000 messages of random bytes properly, and sends nothing", async () => {
    const tally = await campaign.randomMessages(10_000);
    expect(total(tally)).toBe(10_000);
    expect(tally["CancelTasksByDevice 3"]).toBeGreaterThan(1000);
    expect(tally["CancelTasksByDevice 0"]).toBeUndefined();
    expect(await campaign.complaints()).toEqual([]);
  });

  it("answers 2,000 mutated requests properly, and sends only what is valid after all", async () => {
    const tally = await campaign.mutatedRequests(2000);
    expect(total(tally)).toBe(2000);
    expect(tally["CancelTasksByDevice 3"]).toBeGreaterThan(500);
    expect(tally["CancelTasksByDevice 0"]).toBeGreaterThan(20); // or nothing of them was a request any more
    expect(await campaign.complaints()).toEqual([]);
  });

  it("holds no more than before: no memory, and not the connections that were broken", async () => {
    // Within the time that a connection is given to answer a ping.
    await until(async () => (await campaign.sockets()) <= socketsBefore);
    await until(async () => (await campaign.memoryMiB()) < memoryBeforeMiB + GROWTH_MIB);
    expect(await campaign.complaints()).toEqual([]);
  });
});
