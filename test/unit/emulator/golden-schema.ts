// The vendor's own description of the operations, and whether an answer is as it says.
import { readFileSync } from "node:fs";

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

interface Api {
  readonly methods: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly required: boolean; readonly maxItems?: number }[];
  readonly response: { readonly "200": { readonly schema: Schema } };
  readonly errorCodes: Readonly<
    Record<string, readonly { readonly errorCode: string; readonly errorMessage: string }[]>
  >;
}

export const GOLDEN: Readonly<Record<string, Api>> = {
  ...apisOf("iot-2018-01-20.json"),
  ...apisOf("iot-2018-01-20-devices.json"),
};

function apisOf(file: string): Record<string, Api> {
  return (
    JSON.parse(readFileSync(new URL(`../../golden/${file}`, import.meta.url), "utf8")) as { apis: Record<string, Api> }
  ).apis;
}

/** Everything in an answer's fields whose name or type is not documented for the operation. */
export function undocumented(action: string, fields: unknown): string[] {
  const schema = GOLDEN[action]?.response["200"].schema;
  // As it is on the wire: without what is undefined.
  return schema ? mistakes(schema, JSON.parse(JSON.stringify(fields)), action) : [`${action}: no such operation`];
}

function mistakes(schema: Schema, value: unknown, path: string): string[] {
  const told = schema.properties ? "object" : schema.type;
  if (told !== typeOf(value, schema.format)) return [`${path}: ${JSON.stringify(value)} is not of type ${told}`];
  if (Array.isArray(value)) {
    return value.flatMap((element, index) => mistakes(schema.items ?? {}, element, `${path}[${index}]`));
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) => {
    const known = schema.properties?.[name];
    return known ? mistakes(known, child, `${path}.${name}`) : [`${path}.${name}: not documented`];
  });
}

function typeOf(value: unknown, format: string | undefined): string {
  if (Array.isArray(value)) return "array";
  if (typeof value !== "number") return value === null ? "null" : typeof value;
  const most = format === "int32" ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
  return Number.isInteger(value) && Math.abs(value) <= most ? "integer" : "number";
}
