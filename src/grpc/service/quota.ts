// Turns the state of an account into the response of GetQuota.
import type { AccountState } from "../../gateway/account/account-state.js";
import type { LedgerMode } from "../../gateway/limiter.js";
import { Counted, type GetQuotaResponse, Ledger } from "../../gen/ota/v1/ota_service.js";
import { durationOf, timestampOf } from "../wire/details.js";

const LEDGERS: Record<LedgerMode, Ledger> = {
  "in-process": Ledger.IN_PROCESS,
  shared: Ledger.SHARED,
  opening: Ledger.OPENING,
  away: Ledger.AWAY,
};

export function quotaResponseOf(account: string, state: AccountState): GetQuotaResponse {
  const { ledger, pausedUntilWallMs, fallbackUntilWallMs } = state;
  const { arrived } = ledger;
  return {
    account,
    callsPerSecond: ledger.callsPerSecond,
    tokensFree: ledger.free,
    tokensInFlight: ledger.inFlightSinceMs.length,
    // All others, which includes tokens that are just being taken again.
    tokensCooling: Math.max(ledger.callsPerSecond - ledger.free - ledger.inFlightSinceMs.length, 0),
    tokensWithheld: ledger.withheld,
    waitingDevices: BigInt(state.waitingDevices),
    waitingCallers: state.waitingCallers,
    expectedWait: durationOf(state.expectedWaitMs),
    pausedUntil: pausedUntilWallMs === undefined ? undefined : timestampOf(pausedUntilWallMs),
    ledger: LEDGERS[ledger.mode],
    obstacle: state.obstacle,
    counted: arrived ? Counted.ARRIVED : Counted.ANSWERED,
    earlyReturn: arrived && {
      hidden: durationOf(arrived.hiddenMs),
      fallbackUntil: fallbackUntilWallMs === undefined ? undefined : timestampOf(fallbackUntilWallMs),
    },
  };
}
