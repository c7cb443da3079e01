// Serves requests to the emulator itself, without a signature: statistics, faults, and reports in
// place of devices. Everybody who can reach it may use it, so run it on a private network.
import type { IncomingMessage, ServerResponse } from "node:http";
import { JsonMistakes, JsonObject } from "./checked-json.js";
import { readBody } from "./protocol/wire.js";

/**
 * By method and path. Takes the JSON of the body and returns the JSON of the answer; undefined if
 * the thing asked for does not exist.
 */
export type Controls = Readonly<Record<string, (json: unknown) => object | undefined>>;

/** Answers a request for a control. Returns false if the request is for something else. */
export function answerControl(request: IncomingMessage, response: ServerResponse, controls: Controls): boolean {
  const { method = "", url = "" } = request;
  if (!Object.keys(controls).some((control) => control.endsWith(` ${url}`))) return false;
  const run = controls[`${method} ${url}`];
  const answered = run
    ? answer(request, run)
    : Promise.resolve({ status: 405, json: { errors: [`method ${method} is not allowed`] } });
  answered.then(
    ({ status, json }) => {
      const text = `${JSON.stringify(json, null, 2)}\n`;
      response.writeHead(status, { "content-type": "application/json" }).end(text);
    },
    // A client that went away, or sent too much, gets no answer.
    () => response.destroy(),
  );
  return true;
}

/** Reads how far to move the platform's time ahead. Throws JsonMistakes. */
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
    return found ? { status: 200, json: found } : { status: 404, json: { errors: ["no such device or task"] } };
  } catch (error) {
    if (error instanceof JsonMistakes) return { status: 400, json: { errors: error.mistakes } };
    throw error;
  }
}
