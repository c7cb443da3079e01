// Names the places where tokens are kept.

/** @import { LedgerMode } from "../../../gateway/limiter.js" */

/** @type {Readonly<Record<LedgerMode, string>>} */
export const MODES = { "in-process": "In process", shared: "Shared", opening: "Opening", away: "Away" };
