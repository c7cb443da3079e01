// `npm run fuzz [-- SECONDS [SEED]]`: one gateway after the other under hostile bytes, each with the next seed. Ends by
// itself; exit 1 as soon as one has done what it must not, with what that was and the seed. Loopback only.
import { startCampaign } from "./fuzz/campaign.js";
import { endPrograms } from "./support/processes.js";

const SECONDS = Number(process.argv[2] ?? 600);
const FIRST_SEED = Number(process.argv[3] ?? Date.now() % 1_000_000);

const say = (text: string) => void process.stdout.write(`${text}\n`);
const startedMs = performance.now();

for (let seed = FIRST_SEED; performance.now() - startedMs < SECONDS * 1000; seed++) {
  const campaign = await startCampaign(seed);
  await campaign.brokenWire(3);
  await campaign.brokenHttp(3);
  await campaign.brokenRpcs();
  const tallies = [await campaign.randomMessages(5000), await campaign.mutatedRequests(5000)];
  const complaints = await campaign.complaints();
  const memoryMiB = await campaign.memoryMiB();
  await campaign.close();
  say(`seed ${seed}: ${JSON.stringify(Object.assign({}, ...tallies))}, ${Math.round(memoryMiB)} MiB held`);
  for (const complaint of complaints) say(complaint);
  if (complaints.length > 0) process.exit(1);
}
await endPrograms();
