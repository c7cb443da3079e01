// RequestIds in the form of the cloud's, the same in every run.

export function madeUpRequestId(nth: number): string {
  return `00000000-0000-4000-8000-${String(nth).padStart(12, "0")}`;
}
