import { expect, it } from "vitest";
import { names } from "../../support/fake-command.js";
import { startVerifying, toldBy } from "../../support/verifying.js";

const CROWDED = "accepted: its task was not read back: too many devices wait for that";
const OUT_OF_TIME = "accepted: its task was not read back: no time was left";

it("reads back 50,000 devices of one caller at a time, and 100,000 of all, and says so of the others", async () => {
  const { clock, ofJob, ask } = startVerifying();
  ofJob.reader.reply = () => ({ delayMs: 600_000 }); // so that all of them wait at a time
  const crowd = ["a", "b"].map((caller) => ask({ caller, deviceNames: names(50_001), answerByMs: 60_000 }));
  await clock.advance(40_000);
  const late = ask({ caller: "c", deviceNames: names(2), answerByMs: 60_000 });
  await clock.advance(20_000);
  for (const request of crowd) expect(await toldBy(request)).toEqual([...Array(50_000).fill(OUT_OF_TIME), CROWDED]);
  expect(await toldBy(late)).toEqual([CROWDED, CROWDED]);
  // Nobody waits any more.
  const next = ask({ caller: "c", deviceNames: names(2), answerByMs: 70_000 });
  await clock.advance(10_000);
  expect(await toldBy(next)).toEqual([OUT_OF_TIME, OUT_OF_TIME]);
});
