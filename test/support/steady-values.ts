// Replaces what differs from run to run in requests and answers in JSON: times, lengths of time,
// and ids that a program makes up. The same id gets the same replacement everywhere. The type of a
// detail goes first.

/** A point in time, by the field. */
const TIMES: Readonly<Record<string, string>> = {
  createTime: "2026-03-02T08:30:00Z",
  startTime: "2026-03-02T08:30:00.010Z",
  readTime: "2026-03-02T08:30:00.020Z",
  sentTime: "2026-03-02T08:30:00.100Z",
  countTime: "2026-03-02T08:30:01Z",
  endTime: "2026-03-02T08:30:09Z",
  updateTime: "2026-03-02T08:30:09Z",
  expireTime: "2026-03-02T09:30:00Z",
};

/** Lengths of time that the gateway measures or estimates. Those of a request stay. */
const MEASURED: Readonly<Record<string, string>> = {
  duration: "0.050s",
  quotaWait: "0.101s",
  expectedWait: "0.001s",
  expectedDuration: "0.150s",
  expectedRemaining: "0.500s",
};

const MADE_UP: Readonly<Record<string, (nth: number) => string>> = {
  "operations/[0-9A-Z]{26}": (nth) => `operations/01K0000000000000000000000${nth}`,
  "[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}": (nth) => `5A2C0F3E-0000-4000-8000-00000000000${nth}`,
};

export function steadyValues(json: unknown): unknown {
  const known = new Map<string, string>();
  const kinds = Object.entries(MADE_UP).map(([pattern, make]) => {
    let nth = 0;
    return { pattern: new RegExp(pattern, "g"), make: () => make(++nth) };
  });
  return steady(json, "");

  function steady(value: unknown, field: string): unknown {
    if (Array.isArray(value)) return value.map((each) => steady(each, field));
    if (typeof value === "object" && value !== null) {
      const { "@type": type, ...rest } = value as Record<string, unknown>;
      const fields = Object.entries({ ...(type !== undefined && { "@type": type }), ...rest });
      return Object.fromEntries(fields.map(([name, each]) => [name, steady(each, name)]));
    }
    if (typeof value !== "string" || value === "") return value;
    if (field === "nextPageToken") return "WyJvcGVyYXRpb25zIl0";
    if (field === "quotaWait" && value === "0s") return value; // nothing was sent
    return TIMES[field] ?? MEASURED[field] ?? withoutIds(value);
  }

  function withoutIds(text: string): string {
    return kinds.reduce(
      (changed, { pattern, make }) =>
        changed.replaceAll(pattern, (id) => {
          const replacement = known.get(id) ?? make();
          known.set(id, replacement);
          return replacement;
        }),
      text,
    );
  }
}
