// Readers for parameters: how a value is read and what it may be. A parameter that is present but
// empty counts as absent. The codes for values out of bounds are guesses in the pattern of the POP
// gateway, `Invalid<Name>`, unless a reader is given a documented one.
import { missingParameter, PopError, type ServiceCode, serviceError } from "../protocol/errors.js";

export type CallParameters = ReadonlyMap<string, string>;

export interface Reader<T> {
  readonly required: boolean;
  /** Reads the parameter, or throws the upstream's refusal. */
  read(parameters: CallParameters, name: string): T;
}

/** The value, or undefined if there is none; `matches` restricts it. */
export function text(matches?: RegExp, refusal?: ServiceCode): Reader<string | undefined> {
  return optionalReader((value, name) => {
    if (matches && !matches.test(value)) throw refusal ? serviceError(refusal) : invalidParameter(name);
    return value;
  });
}

export function whole(least: number, most: number, refusal?: ServiceCode): Reader<number | undefined> {
  return optionalReader((value, name) => {
    const number = /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least && number <= most)) throw refusal ? serviceError(refusal) : invalidParameter(name);
    return number;
  });
}

export function readFlag(): Reader<boolean | undefined> {
  return optionalReader((value, name) => {
    if (!/^(true|false)$/i.test(value)) throw invalidParameter(name);
    return value.toLowerCase() === "true";
  });
}

export function readOneOf<const T extends string>(choices: readonly T[], refusal?: ServiceCode): Reader<T | undefined> {
  return optionalReader((value, name) => {
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw refusal ? serviceError(refusal) : invalidParameter(name);
    return choice;
  });
}

export function oneOfNumbers(choices: readonly number[]): Reader<number | undefined> {
  return optionalReader((value, name) => {
    if (!choices.map(String).includes(value)) throw invalidParameter(name);
    return Number(value);
  });
}

/** Throws `Missing<Name>` where the other reader finds nothing. */
export function required<T>(reader: Reader<T | undefined>): Reader<T> {
  return {
    required: true,
    read(parameters, name) {
      const value = reader.read(parameters, name);
      if (value === undefined || (Array.isArray(value) && value.length === 0)) throw missingParameter(name);
      return value;
    },
  };
}

export function orElse<T>(reader: Reader<T | undefined>, value: T): Reader<T> {
  return { required: false, read: (parameters, name) => reader.read(parameters, name) ?? value };
}

/**
 * The values of `<Name>.1`, `<Name>.2`, … by number. `most` is a limit of the emulator, unless the
 * operation documents one.
 */
export function list(most: number, tooMany?: ServiceCode): Reader<string[]> {
  return {
    required: false,
    read(parameters, name) {
      const values = numbered(parameters, name)
        .filter(({ field }) => field === "")
        .map(({ value }) => value);
      if (values.length > most) throw tooMany ? serviceError(tooMany) : invalidParameter(name);
      return values;
    },
  };
}

/** The records `<Name>.1.<Field>`, `<Name>.2.<Field>`, …, by number. */
export function records<const F extends string>(
  most: number,
  fields: readonly F[],
): Reader<Readonly<Record<F, string | undefined>>[]> {
  return {
    required: false,
    read(parameters, name) {
      const byPosition = new Map<number, Record<F, string | undefined>>();
      for (const { position, field, value } of numbered(parameters, name)) {
        const known = fields.find((each) => `.${each}` === field);
        if (known === undefined) continue;
        const blank = Object.fromEntries(fields.map((each) => [each, undefined])) as Record<F, string | undefined>;
        const record = byPosition.get(position) ?? blank;
        record[known] = value || undefined;
        byPosition.set(position, record);
      }
      if (byPosition.size > most) throw invalidParameter(name);
      return [...byPosition.values()];
    },
  };
}

export function invalidParameter(name: string): PopError {
  return new PopError(`Invalid${name}`, 400, `The specified parameter ${name} is not valid.`);
}

function optionalReader<T>(read: (value: string, name: string) => T): Reader<T | undefined> {
  return {
    required: false,
    read(parameters, name) {
      const value = parameters.get(name);
      return value ? read(value, name) : undefined;
    },
  };
}

function numbered(parameters: CallParameters, name: string) {
  const found: { readonly position: number; readonly field: string; readonly value: string }[] = [];
  for (const [key, value] of parameters) {
    if (!key.startsWith(`${name}.`)) continue;
    const [, digits, field = ""] = /^([1-9]\d*)(\..+)?$/.exec(key.slice(name.length + 1)) ?? [];
    if (digits) found.push({ position: Number(digits), field, value });
  }
  return found.sort((a, b) => a.position - b.position);
}
