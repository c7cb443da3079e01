// What tests and users ask of the emulator itself, without a signature: statistics, faults, and reports in
// the devices' place. Anyone who can reach it may, so it belongs on a network of one's own.
import type { IncomingMessage, ServerResponse } from "node:http";
import { JsonMistakes, JsonObject } from "./protocol/json-checks.js";
import { readBody } from "./protocol/wire.js";

/** By method and path: takes the JSON of the body, gives the JSON of the answer; undefined: there is no such thing. */
export type Controls = Readonly<Record<string, (json: unknown) => object | undefined>>;

/** Whether the request is for a control; it is then answered here. */
export function answerControl(request: IncomingMessage, response: ServerResponse, controls: Controls): boolean {
  const { method = "", url = "" } = request;
  if (!Object.keys(controls).some((control) => control.endsWith(` ${url}`))) return false;
  const run = controls[`${method} ${url}`];
  const answered = run
    ? answer(request, run)
    : Promise.resolve({ status: 405, json: { errors: [`not by ${method}`] } });
  answered.then(
    ({ status, json }) => {
      const text = `${JSON.stringify(json, null, 2)}\n`;
      response.writeHead(status, { "content-type": "application/json" }).end(text);
    },
    // Whoever went away, or sent too much, gets no answer.
    () => response.destroy(),
  );
  return true;
}

/** By how much the platform's time is to be turned ahead. Throws JsonMistakes. */
export function readAdvance(json: unknown): number {
  const body = new JsonObject(json, ["advanceMs"]);
  body.needs("advanceMs");
  const ms = body.whole("advanceMs", [0, YEAR_MS]) ?? 0;
  body.check();
  return ms;
}

const YEAR_MS = 365 * 86_400_000;

async function answer(request: IncomingMessage, run: (json: unknown) => object | undefined) {
  const text = (await readBody(request)).toString("utf8");
  let json: unknown;
  try {
    json = text === "" ? undefined : JSON.parse(text);
  } catch (error) {
    return { status: 400, json: { errors: [`the body is not JSON: ${(error as Error).message}`] } };
  }
  try {
    const found = run(json);
    return found
      ? { status: 200, json: found }
      : { status: 404, json: { errors: ["there is no such device or task"] } };
  } catch (error) {
    if (error instanceof JsonMistakes) return { status: 400, json: { errors: error.mistakes } };
    throw error;
  }
}
