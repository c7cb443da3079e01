// Over a real server of grpc-js, since it is its private state that tells whether a request has arrived. That who does
// not go on is told so: see server.test.ts.
import { type ClientHttp2Session, connect } from "node:http2";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { watchRequestTimeouts } from "../../../../src/grpc/transport/request-timeout.js";
import { HandClock } from "../../../support/hand-clock.js";

const AS_IT_IS = {
  requestStream: false,
  responseStream: false,
  requestSerialize: (bytes: Buffer) => bytes,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (bytes: Buffer) => bytes,
  responseDeserialize: (bytes: Buffer) => bytes,
};

/** A method that is answered when the test says so. */
async function setUp() {
  const clock = new HandClock();
  const requestTimeouts = watchRequestTimeouts(clock);
  const server = new Server({ interceptors: [requestTimeouts.interceptor] });
  let came: (answer: () => void) => void;
  const asked = new Promise<() => void>((resolve) => {
    came = resolve;
  });
  server.addService(
    { Wait: { path: "/a.B/Wait", ...AS_IT_IS } },
    {
      Wait: (_: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) =>
        came(() => answer(null, Buffer.alloc(0))),
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, free: number) => (error ? reject(error) : resolve(free));
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => {
    requestTimeouts.close();
    session.destroy();
    server.forceShutdown();
  });
  const headers = { ":method": "POST", ":path": "/a.B/Wait", "content-type": "application/grpc", te: "trailers" };
  const request = session.request(headers);
  const status = new Promise<unknown>((resolve) => {
    // An error comes with the headers, and nothing after them.
    const look = (fields: Record<string, unknown>) => "grpc-status" in fields && resolve(fields["grpc-status"]);
    request.on("response", look).on("trailers", look);
  });
  request.resume();
  return { clock, request, asked, status };
}

/** Half a minute and more, and what came of it has reached the client. */
async function pass(clock: HandClock): Promise<void> {
  for (let n = 0; n < 8; n++) await clock.advance(5000);
}

describe("watchRequestTimeouts", () => {
  it("lets a request that has arrived wait for its answer for as long as it takes", async () => {
    const { clock, request, asked, status } = await setUp();
    request.end(Buffer.alloc(5));
    const answer = await asked;
    await pass(clock);
    answer();
    expect(await status).toBe("0");
  });

  it("and one that came in two pieces, some seconds apart", async () => {
    const { clock, request, asked, status } = await setUp();
    request.write(Buffer.from([0, 0, 0, 0, 2, 1]));
    await new Promise((resolve) => request.session?.ping(() => resolve(undefined))); // the server has it
    await clock.advance(10_000);
    request.end(Buffer.from([1]));
    const answer = await asked;
    await pass(clock);
    answer();
    expect(await status).toBe("0");
  });
});
