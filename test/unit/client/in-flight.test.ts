import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UnderWay } from "../../../src/client/in-flight.js";
import type { DeviceResult } from "../../../src/client/response.js";
import { type Failure, GatewayError } from "../../../src/gateway/failures.js";
import {
  type StreamCancelTasksByDeviceResponse_Answer as Answer,
  CancelTasksByDeviceResponse,
  Outcome,
} from "../../../src/gen/ota/v1/ota_service.js";
import { deviceStatusOf, statusOf } from "../../../src/grpc/wire/status.js";
import { names } from "../../support/fake-command.js";
import { accepted } from "../../support/fake-ota-service.js";

const GONE = { reason: "TRANSPORT", code: "UNAVAILABLE", message: "gone", violations: [], devices: {} };
const REJECTED = { kind: "rejected", message: "no", rejection: "not-found" } as const;
const UNDECIDED = { kind: "unknown", reason: "BATCH_REJECTED", message: "who knows" } as const;
const DRAINING = { kind: "draining", message: "shutting down" } as const;

function answer(sequence: bigint, response: CancelTasksByDeviceResponse): Answer {
  return { sequence, result: { $case: "response", response }, failedResponse: undefined };
}

function refusal(sequence: bigint, error: GatewayError, failedResponse?: CancelTasksByDeviceResponse): Answer {
  return { sequence, result: { $case: "error", error: statusOf(error) }, failedResponse };
}

function shown(results: readonly DeviceResult[]): string[] {
  return results.map(({ deviceName, outcome, failure }) =>
    [deviceName, outcome, failure?.reason].filter(Boolean).join(" "),
  );
}

/** One chunk that has been asked for. */
function asked(taken: readonly string[]) {
  const underWay = new UnderWay();
  underWay.take(taken);
  const [first] = underWay.ask(0);
  if (!first) throw new Error("nothing was asked for");
  return { underWay, ...first };
}

describe("UnderWay", () => {
  it("asks for a name that is repeated once, and owes a result for each time", () => {
    const { underWay, sequence, names: sent } = asked(["dev-0", "dev-1", "dev-0"]);
    expect(sent).toEqual(["dev-0", "dev-1"]);
    const { results } = underWay.answered(answer(sequence, accepted(sent)), 0);
    expect(shown(results)).toEqual(["dev-0 ACCEPTED", "dev-0 ACCEPTED", "dev-1 ACCEPTED"]);
    expect(underWay.chunks).toBe(0);
  });

  it("tells of a malformed name at once, and never asks for it", () => {
    const underWay = new UnderWay();
    expect(shown(underWay.take(["x", "dev-0", "a b c d"]))).toEqual([
      "x NOT_ATTEMPTED INVALID_REQUEST",
      "a b c d NOT_ATTEMPTED INVALID_REQUEST",
    ]);
    expect(underWay.ask(0).map(({ names: sent }) => sent)).toEqual([["dev-0"]]);
  });

  it("takes each device's outcome from the failed response, of different causes too", () => {
    const { underWay, sequence } = asked(["dev-0", "dev-1"]);
    const failed = CancelTasksByDeviceResponse.fromPartial({
      results: [
        { deviceName: "dev-0", outcome: Outcome.REJECTED, status: deviceStatusOf(REJECTED), callIndex: -1 },
        { deviceName: "dev-1", outcome: Outcome.UNKNOWN, status: deviceStatusOf(UNDECIDED), callIndex: -1 },
      ],
    });
    const { results, refused } = underWay.answered(refusal(sequence, new GatewayError(REJECTED), failed), 0);
    expect(shown(results)).toEqual(["dev-0 REJECTED REJECTED"]);
    expect(refused).toBeUndefined();
    expect(shown(underWay.giveUpWaiting(GONE))).toEqual(["dev-1 UNKNOWN BATCH_REJECTED"]);
  });

  it("asks for what undecided apart in pieces of 16, one at a time, when nothing else is under way", () => {
    const underWay = new UnderWay();
    underWay.take(names(40));
    underWay.take(names(10, 40));
    const [first, second] = underWay.ask(0);
    const undecided = some("undecided", first?.sequence ?? 0n, first?.names ?? []);
    expect(underWay.answered(undecided, 0).results).toEqual([]);
    expect([underWay.nextDueMs, underWay.ask(0)]).toEqual([Infinity, []]);
    underWay.answered(some("accepted", second?.sequence ?? 0n, second?.names ?? []), 0);
    for (const piece of [names(16), names(16, 16), names(8, 32)]) {
      expect(underWay.nextDueMs).toBe(0);
      const [asked, ...others] = underWay.ask(0);
      expect([asked?.names, others]).toEqual([piece, []]);
      underWay.take(["dev-late"]); // and waits for its turn
      expect([underWay.nextDueMs, underWay.ask(0)]).toEqual([Infinity, []]);
      const { results } = underWay.answered(some("accepted", asked?.sequence ?? 0n, piece), 0);
      expect(results).toHaveLength(piece.length);
      const [late] = underWay.ask(0);
      underWay.answered(some("accepted", late?.sequence ?? 0n, late?.names ?? []), 0);
    }
    expect(underWay.chunks).toBe(0);
  });

  it("halves a piece that others' devices spoiled, down to one device, whose result then stands", () => {
    const { underWay, ...whole } = asked(names(3));
    let { sequence, names: sent } = whole;
    const told: string[] = [];
    const seen: number[] = [];
    for (;;) {
      told.push(...shown(underWay.answered(some("undecided", sequence, sent), 0).results));
      const [next] = underWay.ask(0);
      if (!next) break;
      ({ sequence, names: sent } = next);
      seen.push(sent.length);
    }
    expect(seen).toEqual([3, 2, 1, 1, 1]);
    expect(told.sort()).toEqual(names(3).map((name) => `${name} UNKNOWN BATCH_REJECTED`));
  });

  it("leaves the rest as it is after three pieces in a row of which no device ended well", () => {
    const { underWay, sequence } = asked(names(100));
    underWay.answered(some("undecided", sequence, names(100)), 0);
    const told: string[] = [];
    let pieces = 0;
    for (let [piece] = underWay.ask(0); piece; [piece] = underWay.ask(0)) {
      pieces++;
      told.push(...shown(underWay.answered(some("rejected", piece.sequence, piece.names), 0).results));
    }
    expect([pieces, underWay.chunks, told.length]).toEqual([3, 0, 100]);
    expect(told.filter((each) => each.endsWith(" UNKNOWN BATCH_REJECTED"))).toHaveLength(52);
  });

  it("does not call what an earlier try may have sent not attempted, whatever the later one was told", () => {
    const { underWay } = asked(["dev-0"]);
    underWay.lost(GONE, true);
    const [again] = underWay.ask(0);
    const forbidden = new GatewayError({ kind: "forbidden", message: "no" });
    const { results } = underWay.answered(refusal(again?.sequence ?? 0n, forbidden), 0);
    expect(shown(results)).toEqual(["dev-0 UNKNOWN FORBIDDEN"]);
  });

  it("asks again, after the gateway's pushback, for those that a drain left over, and only for them", () => {
    const { underWay, sequence } = asked(["dev-0", "dev-1"]);
    const partly = CancelTasksByDeviceResponse.fromPartial({
      results: [
        { deviceName: "dev-0", outcome: Outcome.ACCEPTED, callIndex: -1 },
        { deviceName: "dev-1", outcome: Outcome.NOT_ATTEMPTED, status: deviceStatusOf(DRAINING), callIndex: -1 },
      ],
    });
    expect(shown(underWay.answered(answer(sequence, partly), 0).results)).toEqual(["dev-0 ACCEPTED"]);
    expect(underWay.nextDueMs).toBe(200);
    const [again] = underWay.ask(200);
    expect(again?.names).toEqual(["dev-1"]);
    underWay.answered(refusal(again?.sequence ?? 0n, new GatewayError(DRAINING, { retryAfterMs: 1500 })), 200);
    expect(underWay.nextDueMs).toBe(1700);
  });

  it("gives a device up after ten tries, and says whether it may have been sent", () => {
    for (const mayHaveBeenSent of [true, false]) {
      const underWay = new UnderWay();
      underWay.take(["dev-0"]);
      const results: DeviceResult[] = [];
      let tries = 0;
      for (; underWay.chunks > 0; tries++) {
        underWay.ask(tries);
        results.push(...underWay.lost(GONE, mayHaveBeenSent));
      }
      expect(tries).toBe(10);
      expect(shown(results)).toEqual([mayHaveBeenSent ? "dev-0 UNKNOWN TRANSPORT" : "dev-0 NOT_ATTEMPTED TRANSPORT"]);
    }
  });

  it("halves a request that is too large for this gateway, and takes smaller ones from then on", () => {
    const { underWay, sequence } = asked(names(1000));
    const violations = [{ field: "device_names", description: "has 1000 names, at most 600 are allowed" }];
    const tooLarge = new GatewayError({ kind: "invalid", message: "no", violations });
    expect(underWay.answered(refusal(sequence, tooLarge), 0)).toEqual({ results: [], calls: [] });
    expect(underWay.ask(0).map(({ names: sent }) => sent.length)).toEqual([500, 500]);
    expect(underWay.chunkDevices).toBe(500);
  });

  it("says so when a request is refused for what it asks, and not for its devices", () => {
    const { underWay, sequence } = asked(["dev-0"]);
    const violations = [{ field: "account", description: "is not configured" }];
    const invalid = new GatewayError({ kind: "invalid", message: "no", violations });
    const { results, refused } = underWay.answered(refusal(sequence, invalid), 0);
    expect(shown(results)).toEqual(["dev-0 NOT_ATTEMPTED INVALID_REQUEST"]);
    expect(refused).toMatchObject({ violations });
  });

  it("gives exactly one result for every name that it took, whatever happens", () => {
    const name = fc.constantFrom("dev-0", "dev-1", "dev-2", "dev-3", "x", "");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("take" as const), names: fc.array(name, { maxLength: 6 }) }),
      fc.record({ kind: fc.constant("ask" as const) }),
      fc.record({ kind: fc.constant("lose" as const) }),
      fc.record({ kind: fc.constant("give up" as const) }),
      fc.record({
        kind: fc.constant("answer" as const),
        how: fc.constantFrom("accepted", "draining", "mixed", "expired", "internal", "undecided", "rejected"),
        which: fc.nat(),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const underWay = new UnderWay();
        const taken: string[] = [];
        const told: string[] = [];
        const tell = (results: readonly DeviceResult[]) => told.push(...results.map(({ deviceName }) => deviceName));
        const open = new Map<bigint, readonly string[]>();
        let nowMs = 0;
        for (const each of steps) {
          nowMs += 1000;
          if (each.kind === "take") {
            taken.push(...each.names);
            tell(underWay.take(each.names));
          } else if (each.kind === "ask") {
            for (const { sequence, names: sent } of underWay.ask(nowMs)) open.set(sequence, sent);
          } else if (each.kind === "lose") {
            open.clear();
            tell(underWay.lost(GONE, true));
          } else if (each.kind === "give up") {
            tell(underWay.giveUpWaiting(GONE));
          } else {
            const chosen = [...open][each.which % Math.max(open.size, 1)];
            if (!chosen) continue;
            open.delete(chosen[0]);
            tell(underWay.answered(some(each.how, ...chosen), nowMs).results);
          }
        }
        tell(underWay.lost(GONE, true));
        tell(underWay.giveUpWaiting(GONE));
        expect(told.sort()).toEqual(taken.sort());
        expect(underWay.chunks).toBe(0);
      }),
    );
  });
});

function allOf(sent: readonly string[], outcome: Outcome, why: Failure): CancelTasksByDeviceResponse {
  const results = sent.map((deviceName) => ({ deviceName, outcome, status: deviceStatusOf(why), callIndex: -1 }));
  return CancelTasksByDeviceResponse.fromPartial({ results });
}

function some(how: string, sequence: bigint, sent: readonly string[]): Answer {
  const mixed = CancelTasksByDeviceResponse.fromPartial({
    results: sent.map((deviceName, n) => ({
      deviceName,
      outcome: n % 2 ? Outcome.ACCEPTED : Outcome.NOT_ATTEMPTED,
      ...(n % 2 === 0 && { status: deviceStatusOf(DRAINING) }),
      callIndex: -1,
    })),
  });
  switch (how) {
    case "accepted":
      return answer(sequence, accepted(sent));
    case "mixed":
      return answer(sequence, mixed);
    case "undecided":
      return answer(sequence, allOf(sent, Outcome.UNKNOWN, UNDECIDED));
    case "rejected":
      return answer(sequence, allOf(sent, Outcome.REJECTED, REJECTED));
    case "draining":
      return refusal(sequence, new GatewayError(DRAINING));
    case "expired":
      return refusal(sequence, new GatewayError({ kind: "expired", message: "late" }));
    default:
      return refusal(sequence, new GatewayError({ kind: "internal", message: "ours" }));
  }
}
