// A strict reader of Prometheus' text format 0.0.4: it throws on every line that the format does
// not allow.

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The content under one TYPE. */
export interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: Sample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\[\\\\"n])*)"';
const HELP = new RegExp(`^# HELP (${NAME}) (.+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (\\S+)$`);

/**
 * Families by name. Throws on an invalid line, a sample without a type or given twice, and an
 * inconsistent histogram.
 */
export function parsePrometheus(text: string): Map<string, Family> {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  const seen = new Set<string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, helped, help] = HELP.exec(line) ?? [];
    const [, typed, type] = TYPE.exec(line) ?? [];
    if (helped && help) helps.set(helped, help);
    else if (typed) {
      if (families.has(typed)) throw new Error(`typed twice: ${typed}`);
      current = typed;
      families.set(typed, { type: type as Family["type"], help: helps.get(typed) ?? "", samples: [] });
    } else if (!line.startsWith("#") && line !== "") {
      const sample = sampleOf(line);
      const family = families.get(current);
      if (!family || !belongs(sample.name, current, family.type)) throw new Error(`of no family: ${line}`);
      const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const [name, { type, samples }] of families) if (type === "histogram") checkHistogram(name, samples);
  return families;
}

/** The sum of the samples with this name whose labels include these; throws if there are none. */
export function sumOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  const matching = all.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  if (matching.length === 0) throw new Error(`no sample of ${name} with ${JSON.stringify(labels)}`);
  return matching.reduce((sum, { value }) => sum + value, 0);
}

function sampleOf(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (!match) throw new Error(`not a line of the format: ${line}`);
  const [, name = "", labels = ""] = match;
  const value = match.at(-1) as string;
  if (!/^([+-]?Inf|NaN|-?\d+(\.\d+)?(e[+-]?\d+)?)$/.test(value)) throw new Error(`not a number: ${line}`);
  const pairs = [...labels.matchAll(new RegExp(LABEL, "g"))].map(([, key, text]) => [key, text] as const);
  if (new Set(pairs.map(([key]) => key)).size < pairs.length) throw new Error(`a label twice: ${line}`);
  return { name, labels: Object.fromEntries(pairs), value: Number(value.replace("Inf", "Infinity")) };
}

function belongs(name: string, family: string, type: Family["type"]): boolean {
  if (type !== "histogram") return name === family;
  return ["_bucket", "_sum", "_count"].some((suffix) => name === family + suffix);
}

/** The buckets of each series must grow, and the last must equal the count. */
function checkHistogram(name: string, samples: readonly Sample[]): void {
  const buckets = new Map<string, number[]>();
  for (const { labels, value, name: sampleName } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    if (le !== undefined) buckets.set(key, [...(buckets.get(key) ?? []), value]);
    else if (sampleName.endsWith("_count")) buckets.set(`count ${key}`, [value]);
  }
  for (const [key, values] of buckets) {
    if (key.startsWith("count ")) continue;
    if (values.some((value, n) => value < (values[n - 1] ?? 0))) throw new Error(`buckets of ${name} shrink`);
    if (values.at(-1) !== buckets.get(`count ${key}`)?.[0]) throw new Error(`buckets of ${name} are not its count`);
  }
}
