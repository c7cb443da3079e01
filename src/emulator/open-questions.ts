// What the documentation leaves open and a client may depend on without knowing. Each is a switch, and
// its default is a guess: the one that is hardest on the client.

export const TREATMENTS = ["reject", "ignore"] as const;
type Treatment = (typeof TREATMENTS)[number];

export interface OpenQuestions {
  /** A list that names a device which does not exist: the whole call refused, or that name passed over. */
  readonly unknownDevice: Treatment;
  /** A list that names a device twice: the whole call refused, or the second passed over. */
  readonly duplicateNames: Treatment;
}
