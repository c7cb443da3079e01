import { expect, it } from "vitest";
import { Queue } from "../../../../src/gateway/queue/queue.js";
import { EQUAL } from "../../../support/fake-callers.js";
import { aWaiter, names } from "../../../support/fake-command.js";
import { ROOM } from "../../../support/fake-upstream.js";

it("Queue.cut charges sharers for exactly the seats that they fill, and the caller whose turn it is for the rest", () => {
  const queue = new Queue(ROOM, EQUAL);
  queue.add(aWaiter({ caller: "driver", deviceNames: names(500, 0, "d-") }));
  queue.add(aWaiter({ caller: "rider", deviceNames: names(50, 0, "r-") }));
  const batch = queue.cut({ nowMs: 0, answerMs: 50, newcomersOnly: false });
  const paid = [...(batch?.charge ?? [])].map(([{ caller }, price]) => [caller, price]);
  expect(paid).toContainEqual(["rider", 50 / 200]);
  expect(paid).toContainEqual(["driver", 150 / 200]);
});
