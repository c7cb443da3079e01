// Reads JSON that a person wrote, and collects every mistake with its place, so that all can be
// reported at once. Wrong values are replaced by their fallback; the result must not be used if
// there are mistakes.

export class JsonMistakes extends Error {
  override readonly name = "JsonMistakes";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join("; "));
    this.mistakes = mistakes;
  }
}

type Bounds = readonly [least: number, most: number];

export class JsonObject {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #mistakes: string[];
  /** A value that is no object is one mistake, and its missing fields are not reported. */
  readonly #isObject: boolean;

  /** `known` lists the names of fields that it may have. */
  constructor(value: unknown, known: readonly string[], path = "", mistakes: string[] = []) {
    this.#path = path;
    this.#mistakes = mistakes;
    this.#isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    this.#fields = this.#isObject ? (value as Record<string, unknown>) : {};
    if (!this.#isObject) this.#mistakes.push(`${path || "the body"}: must be an object`);
    for (const name of Object.keys(this.#fields)) {
      if (!known.includes(name)) this.mistake(name, `is unknown; known are ${known.join(", ")}`);
    }
  }

  /** Throws if there were mistakes. To be called when everything has been read. */
  check(): void {
    if (this.#mistakes.length > 0) throw new JsonMistakes(this.#mistakes);
  }

  mistake(name: string, what: string): void {
    if (this.#isObject) this.#mistakes.push(`${this.#place(name)}: ${what}`);
  }

  number(name: string, [least, most]: Bounds): number | undefined {
    const value = this.#fields[name];
    if (value === undefined || (typeof value === "number" && value >= least && value <= most)) return value;
    this.mistake(name, `must be a number from ${least} to ${most}`);
    return undefined;
  }

  whole(name: string, bounds: Bounds): number | undefined {
    const value = this.number(name, bounds);
    if (value === undefined || Number.isInteger(value)) return value;
    this.mistake(name, "must be a whole number");
    return undefined;
  }

  text(name: string): string | undefined {
    const value = this.#fields[name];
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    this.mistake(name, "must be a non-empty string");
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.#fields[name];
    if (value === undefined || typeof value === "boolean") return value;
    this.mistake(name, "must be true or false");
    return undefined;
  }

  oneOf<const T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#fields[name];
    const choice = choices.find((each) => each === value);
    if (value !== undefined && choice === undefined) this.mistake(name, `must be one of ${choices.join(", ")}`);
    return choice;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  /** Reports a missing field. */
  needs(name: string): void {
    if (!this.has(name)) this.mistake(name, "is missing");
  }

  object(name: string, known: readonly string[]): JsonObject {
    const mistakes = this.#isObject ? this.#mistakes : [];
    return new JsonObject(this.#fields[name], known, this.#place(name), mistakes);
  }

  /** The objects of a list; empty if the list is absent. */
  objects(name: string, known: readonly string[]): JsonObject[] {
    const value = this.#fields[name] ?? [];
    if (!Array.isArray(value)) {
      this.mistake(name, "must be a list");
      return [];
    }
    return value.map((each, index) => new JsonObject(each, known, `${this.#place(name)}[${index}]`, this.#mistakes));
  }

  #place(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}
