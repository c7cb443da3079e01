// Reads the header `grpc-timeout`, in every form that gRPC allows: up to eight digits and a unit.
// grpc-js would look for such a form anywhere in the header, and compute with 32 bits: it takes
// 123456789S for 23456789S, and 25 days for no time at all. So it never sees the header.

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

const UNITS_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** For error texts. */
export const TIMEOUT_RULE = "must be up to 8 digits and a unit (H, M, S, m, u or n), such as 30S";

/** The timeout; Infinity without the header, undefined if gRPC does not allow what it says. */
export function timeoutMsOf(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return Infinity;
  const [, digits, unit = ""] = TIMEOUT.exec(String(header)) ?? [];
  const unitMs = UNITS_MS[unit];
  return digits === undefined || unitMs === undefined ? undefined : Number(digits) * unitMs;
}
