// `npm run kills [-- COUNT [SEED]]`: a single gateway under load is killed so many times, 20 if it is not said, and
// nobody may have been told what is not true, nothing may be lost, and no second may have more than ten calls. Ends by
// itself; exit 1 if it is not so. Loopback only.
import { killUnderLoad } from "./support/kills.js";
import { endPrograms } from "./support/processes.js";

const KILLS = Number(process.argv[2] ?? 20);
const SEED = Number(process.argv[3] ?? Date.now() % 1_000_000);
const QUOTA = 10;

const say = (text: string) => void process.stdout.write(`${text}\n`);

say(`seed ${SEED}, ${KILLS} kills; Ctrl-C ends it`);
const aftermath = await killUnderLoad(KILLS, SEED, say);
const { accepted, untrue, left, failedRequests, struck, worstSecond, refused } = aftermath;
const mistakes = [
  ...(untrue.length > 0 ? [`${untrue.length} devices were said to be accepted, and had not been cancelled`] : []),
  ...(left.length > 0 ? [`${left.length} devices are not cancelled`] : []),
  ...(worstSecond > QUOTA ? [`${worstSecond} calls in one second`] : []),
  ...(Object.keys(refused).length > 0 ? [`refused: ${JSON.stringify(refused)}`] : []),
];
say(
  `${accepted} devices accepted, ${failedRequests} requests failed and were repeated, ${struck} calls outlived their ` +
    `gateway; worst second ${worstSecond}`,
);
for (const mistake of mistakes) say(`WRONG: ${mistake} (seed ${SEED})`);
await endPrograms();
process.exit(mistakes.length > 0 ? 1 : 0);
