import { expect, it } from "vitest";
import { names } from "../../support/fake-command.js";
import { startVerifying, toldBy } from "../../support/verifying.js";

const CROWDED = "accepted: its task was not read back: too many devices are being read back; ask again later";
const OUT_OF_TIME = "accepted: its task was not read back before the deadline; use a longer deadline";

it("reads back 50,000 devices of one caller at a time, and 100,000 of all, and says so of the others", async () => {
  const { clock, ofJob, ask } = startVerifying();
  ofJob.reader.reply = () => ({ delayMs: 600_000 }); // so that all of them wait at a time
  const wait = async (caller: string, devices: number) => {
    const request = ask({ caller, deviceNames: names(devices), answerByMs: 150_000 });
    await clock.advance(30_000);
    return request;
  };
  const crowd = [await wait("a", 50_001)];
  const late = [await wait("a", 2)];
  crowd.push(await wait("b", 50_001));
  late.push(await wait("c", 2));
  await clock.advance(30_000);
  for (const request of crowd) expect(await toldBy(request)).toEqual([...Array(50_000).fill(OUT_OF_TIME), CROWDED]);
  for (const request of late) expect(await toldBy(request)).toEqual([CROWDED, CROWDED]);
  // Nobody waits any more.
  const next = ask({ caller: "c", deviceNames: names(2), answerByMs: 160_000 });
  await clock.advance(10_000);
  expect(await toldBy(next)).toEqual([OUT_OF_TIME, OUT_OF_TIME]);
});
