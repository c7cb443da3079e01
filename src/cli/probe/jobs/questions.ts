// The questions about jobs in the order of asking: first what changes nothing, then what should
// change nothing, then what cancels. The batch that shows how soon a cancel takes effect comes
// before those where an effect is waited for.
import type { FindingName } from "./bench.js";
import { CLOSING } from "./closing.js";
import { EMPTYING } from "./emptying.js";
import { FLAG_QUESTIONS } from "./flags.js";
import { STRATEGY_OF_STATIC, VERIFY_JOB } from "./kinds.js";
import { LATE_SUCCESS } from "./late-success.js";
import { LIST_QUESTIONS } from "./lists.js";
import type { JobQuestion } from "./question.js";
import { SCHEDULE_QUESTIONS } from "./scheduled.js";

export const QUESTIONS_ABOUT_JOBS: readonly JobQuestion[] = [
  ...LIST_QUESTIONS,
  ...FLAG_QUESTIONS,
  STRATEGY_OF_STATIC,
  EMPTYING,
  VERIFY_JOB,
  ...SCHEDULE_QUESTIONS,
  CLOSING,
  LATE_SUCCESS,
];

export const FINDING_NAMES: readonly FindingName[] = QUESTIONS_ABOUT_JOBS.flatMap(({ answers }) => answers);
