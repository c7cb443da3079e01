// RequestStream behind a real gRPC port, under the hand clock: each request that it asks for is answered when
// the test says so.
import { credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Failure, GatewayError } from "../../../../src/gateway/failures.js";
import {
  type StreamCancelTasksByDeviceResponse_Answer as Answer,
  type CancelTasksByDeviceRequest,
  CancelTasksByDeviceResponse,
  OtaServiceClient,
  OtaServiceService,
  Outcome,
  StreamCancelTasksByDeviceRequest,
  type StreamCancelTasksByDeviceResponse_Progress as StreamProgress,
} from "../../../../src/gen/ota/v1/ota_service.js";
import { CallerScheduler } from "../../../../src/grpc/rpc/caller-scheduler.js";
import { Rpc } from "../../../../src/grpc/rpc/rpc.js";
import { type DuplexCall, RequestStream } from "../../../../src/grpc/service/cancel-stream.js";
import { names } from "../../../support/fake-command.js";
import { FakeLog } from "../../../support/fake-log.js";
import { readFailure } from "../../../support/grpc-failure.js";
import { listenGrpc } from "../../../support/grpc-server.js";
import { HandClock } from "../../../support/hand-clock.js";
import { until } from "../../../support/processes.js";

interface StreamedRequest {
  readonly devices: number;
  aborted: boolean;
  withdrawn: boolean;
  obstacle: string;
  answer(response?: Partial<CancelTasksByDeviceResponse>): void;
  fail(error: unknown): void;
}

const FULL: Failure = { kind: "overloaded", subject: "gateway", message: "the queue is full" };
const DRAINING: Failure = { kind: "draining", message: "this gateway is shutting down" };

async function setUp({ deadlineMs }: { deadlineMs?: number } = {}) {
  const clock = new HandClock({ wallMs: Date.now() });
  const log = new FakeLog();
  const asked: StreamedRequest[] = [];
  /** What the audit log was told of requests that were not let in. */
  const unheard: unknown[] = [];
  /** Thrown instead of letting a request in. */
  const refusals: { next: (() => unknown) | undefined } = { next: undefined };
  let server: { call: DuplexCall; stream: RequestStream } | undefined;
  let isOver = false;
  const ask = ({ deviceNames }: CancelTasksByDeviceRequest) => {
    const refusal = refusals.next?.();
    if (refusal) throw refusal;
    const one: StreamedRequest = {
      devices: deviceNames.length,
      aborted: false,
      withdrawn: false,
      obstacle: "",
      answer: () => {},
      fail: () => {},
    };
    const response = new Promise<CancelTasksByDeviceResponse>((resolve, reject) => {
      one.answer = (partial = {}) => resolve(CancelTasksByDeviceResponse.fromPartial(partial));
      one.fail = reject;
    });
    asked.push(one);
    const abort = () => {
      one.aborted = true;
    };
    const withdraw = () => {
      one.withdrawn = true;
    };
    const failedResponse = async () =>
      CancelTasksByDeviceResponse.fromPartial({
        results: deviceNames.map((deviceName) => ({ deviceName, outcome: Outcome.REJECTED })),
      });
    return { response, failedResponse, obstacle: () => one.obstacle, abort, withdraw };
  };
  const deadline = deadlineMs === undefined ? Infinity : clock.wallNow() + deadlineMs;
  const address = await listenGrpc([
    OtaServiceService,
    {
      streamCancelTasksByDevice: (call: DuplexCall) => {
        const callerScheduler = new CallerScheduler({ now: () => clock.now(), defer: setImmediate });
        const options = { clock, log, defaultDeadlineMs: Infinity, callerScheduler };
        const identity = { kind: "caller", name: "somebody" } as const;
        const arrival = { identity, stream: undefined, startedMs: clock.now() };
        // By the clock that stands still: grpc-js adds what the request was under way.
        const timed = Object.assign(call, { getDeadline: () => deadline });
        const rpc = new Rpc("ota.v1.OtaService/Stream", timed, arrival, options);
        const draining = () => new GatewayError(DRAINING, { retryAfterMs: 1234 });
        const refused = (error: unknown) => void unheard.push(error);
        const begin = () => ({ answered: () => {}, refused, validated: () => {}, done: () => {} });
        const own = { clock, begin, ask, remainingMs: () => 2500, draining };
        const stream = new RequestStream(call, rpc, own);
        server = { call, stream };
        void stream.serve().then(() => {
          isOver = true;
        });
      },
    },
  ]);
  const client = new OtaServiceClient(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const call = client.streamCancelTasksByDevice(new Metadata(), { deadline });
  const answers: Answer[] = [];
  const progress: StreamProgress[] = [];
  call.on("data", ({ event }) => {
    if (event?.$case === "answer") answers.push(event.answer);
    if (event?.$case === "progress") progress.push(event.progress);
  });
  const ended = new Promise<ServiceError | { code: status.OK }>((resolve) => {
    call.on("error", resolve);
    call.on("end", () => resolve({ code: status.OK }));
  });
  const send = (sequence: number, devices = 1) => {
    const request = { deviceNames: names(devices) };
    return call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: BigInt(sequence), request }));
  };
  const sequences = () => answers.map(({ sequence }) => Number(sequence));
  /** Resolves when the server has taken everything that was sent before, if it takes anything. */
  const arrived = (count: number) => until(() => asked.length >= count);
  return {
    clock,
    log,
    call,
    asked,
    unheard,
    answers,
    progress,
    ended,
    refusals,
    send,
    sequences,
    arrived,
    server: () => server as NonNullable<typeof server>,
    isOver: () => isOver,
    /** A way there and back on the same connection. */
    roundTrip: () =>
      new Promise<void>((resolve) => {
        client.getQuota({ account: "" }, () => resolve());
      }),
  };
}

function resultOf({ result }: Answer): string {
  if (result?.$case !== "error") return result?.$case ?? "nothing";
  return `${status[result.error.code]} ${result.error.message}`;
}

describe("RequestStream", () => {
  it.each([
    ["DEADLINE_EXCEEDED", "its deadline comes (was: as CANCELLED)", 59_900],
    ["CANCELLED", "its caller leaves before that", 59_700],
  ])("is logged as %s when %s", async (expected, _, ms) => {
    const { call, send, arrived, clock, log, isOver } = await setUp({ deadlineMs: 60_000 });
    send(1);
    await arrived(1);
    await clock.advance(ms);
    call.cancel(); // a client gives up at the deadline, and may be first
    await until(isOver);
    expect(log.lines.filter(({ message }) => message === "rpc").map(({ fields }) => fields)).toMatchObject([
      { status: expected },
    ]);
  });

  it("answers each request once, in the order of completion, and ends with OK after the last one", async () => {
    const { call, send, asked, arrived, answers, sequences, ended, clock, isOver } = await setUp();
    for (const n of [1, 2, 3]) send(n);
    call.end();
    await arrived(3);
    for (const n of [1, 2, 0]) asked[n]?.answer({ success: true });
    expect(await ended).toEqual({ code: status.OK });
    expect(sequences()).toEqual([2, 3, 1]);
    expect(answers.map(resultOf)).toEqual(["response", "response", "response"]);
    await until(isOver);
    expect(clock.armed).toBe(0);
  });

  it("tells each device's outcome beside the error of a request that was let in, and of no other", async () => {
    const { call, send, asked, arrived, answers, refusals, ended } = await setUp();
    send(1, 3);
    await arrived(1);
    refusals.next = () => new GatewayError({ kind: "internal", message: "not let in" });
    send(2, 3);
    asked[0]?.fail(new GatewayError({ kind: "expired", message: "too late" }));
    call.end();
    await ended;
    const bySequence = new Map(answers.map(({ sequence, failedResponse }) => [Number(sequence), failedResponse]));
    expect(bySequence.get(1)?.results.map(({ deviceName, outcome }) => [deviceName, outcome])).toEqual(
      names(3).map((name) => [name, Outcome.REJECTED]),
    );
    expect(bySequence.get(2)).toBeUndefined();
  });

  it("ends with OK at once if it is half-closed with nothing asked", async () => {
    const { call, ended } = await setUp();
    call.end();
    expect(await ended).toEqual({ code: status.OK });
  });

  it("answers bad messages with their errors, and goes on", async () => {
    const { call, send, asked, arrived, answers, refusals, ended } = await setUp();
    send(1);
    await arrived(1);
    call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: 2n }));
    send(1); // waits still
    await until(() => answers.length === 2);
    const violations = [{ field: "device_names[0]", description: "is wrong" }];
    refusals.next = () => new GatewayError({ kind: "invalid", message: "bad", violations });
    send(3);
    await until(() => answers.length === 3);
    refusals.next = undefined;
    send(4);
    await arrived(2);
    asked[0]?.answer();
    asked[1]?.fail(new GatewayError({ kind: "expired", message: "too late" }));
    call.end();
    expect(await ended).toEqual({ code: status.OK });
    expect(answers.map((answer) => [Number(answer.sequence), resultOf(answer)])).toEqual([
      [2, "INVALID_ARGUMENT 1 violation(s), the first: request is required"],
      [1, "INVALID_ARGUMENT 1 violation(s), the first: sequence repeats that of a request that is still waiting"],
      [3, "INVALID_ARGUMENT 1 violation(s), the first: device_names[0] is wrong"],
      [1, "response"],
      [4, "DEADLINE_EXCEEDED too late"],
    ]);
  });

  it("shows nothing of an internal error, but logs it", async () => {
    const { call, send, answers, refusals, ended, log } = await setUp();
    refusals.next = () => new Error("a secret");
    send(1);
    call.end();
    await ended;
    expect(answers.map(resultOf)).toEqual(["INTERNAL internal error"]);
    expect(log.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("logs also an internal error of a request that was let in", async () => {
    const { call, send, asked, arrived, answers, ended, log } = await setUp();
    send(1);
    await arrived(1);
    asked[0]?.fail(new Error("a secret"));
    call.end();
    await ended;
    expect(answers.map(resultOf)).toEqual(["INTERNAL internal error"]);
    expect(log.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  it("takes a sequence again once it has been answered", async () => {
    const { call, send, asked, arrived, sequences, ended } = await setUp();
    send(7);
    await arrived(1);
    asked[0]?.answer();
    await until(() => sequences().length === 1);
    send(7);
    await arrived(2);
    asked[1]?.answer();
    call.end();
    await ended;
    expect(sequences()).toEqual([7, 7]);
  });

  it("reports progress with right sums every 500 ms at the most, while anything waits", async () => {
    const { call, send, asked, arrived, progress, sequences, ended, clock } = await setUp();
    send(1, 30);
    send(2, 12);
    await arrived(2);
    await clock.advance(0);
    await until(() => progress.length === 1);
    await clock.advance(499);
    asked[0]?.answer();
    await until(() => sequences().length === 1);
    expect(progress).toHaveLength(1);
    await clock.advance(1);
    await until(() => progress.length === 2);
    await clock.advance(2000);
    await until(() => progress.length === 6);
    expect(progress[1]).toEqual({
      devicesReceived: 42n,
      devicesSettled: 30n,
      devicesWaiting: 12n,
      expectedRemaining: { seconds: 2n, nanos: 500_000_000 },
      obstacle: "",
    });
    asked[1]?.answer();
    call.end();
    await ended;
    await clock.advance(5000);
    expect(progress).toHaveLength(6);
    expect(clock.armed).toBe(0);
  });

  it("tells what keeps the oldest request that waits from going on", async () => {
    const { call, send, asked, arrived, progress, sequences, ended, clock } = await setUp();
    send(1);
    send(2);
    await arrived(2);
    for (const [n, one] of asked.entries()) one.obstacle = `obstacle ${n}`;
    await clock.advance(0);
    await until(() => progress.length === 1);
    asked[0]?.answer();
    await until(() => sequences().length === 1);
    await clock.advance(500);
    await until(() => progress.length === 2);
    expect(progress.map(({ obstacle }) => obstacle)).toEqual(["obstacle 0", "obstacle 1"]);
    asked[1]?.answer();
    call.end();
    await ended;
  });

  it("stops reading while 20,000 of its devices wait, and reads on as they are settled", async () => {
    const { call, send, asked, arrived, roundTrip, ended } = await setUp();
    for (let n = 0; n < 8; n++) send(n, 6000);
    call.end();
    await arrived(4);
    await roundTrip();
    expect(asked).toHaveLength(4);
    asked[2]?.answer();
    await arrived(5);
    await roundTrip();
    expect(asked).toHaveLength(5);
    for (let n = 0; n < 8; n++) {
      await arrived(n + 1);
      asked[n]?.answer();
    }
    expect(await ended).toEqual({ code: status.OK });
  });

  it("withdraws what waits, also while 20,000 devices do, and ends with the last answer", async () => {
    const { call, send, asked, arrived, sequences, answers, ended } = await setUp();
    for (let n = 1; n <= 20; n++) send(n, 1000);
    await arrived(20);
    asked[3]?.answer();
    await until(() => sequences().length === 1);
    call.write(StreamCancelTasksByDeviceRequest.fromPartial({ withdraw: true }));
    call.end();
    await until(() => asked.every(({ withdrawn }, n) => withdrawn === (n !== 3)));
    for (const one of asked) one.answer();
    expect(await ended).toEqual({ code: status.OK });
    expect(answers).toHaveLength(20); // and none to the message that withdraws
  });

  it("refuses a request that also withdraws, and withdraws nothing", async () => {
    const { call, send, asked, arrived, ended, answers } = await setUp();
    send(1);
    await arrived(1);
    call.write(StreamCancelTasksByDeviceRequest.fromPartial({ sequence: 2n, request: {}, withdraw: true }));
    await until(() => answers.length === 1);
    expect(asked.map(({ withdrawn }) => withdrawn)).toEqual([false]);
    asked[0]?.answer();
    call.end();
    await ended;
  });

  it("stops reading while its client does not read the answers, and loses none of them", async () => {
    const { call, send, asked, arrived, roundTrip, sequences, ended, server } = await setUp();
    const requests = 400;
    const results = names(3000).map((deviceName) => ({ deviceName }));
    send(0);
    await arrived(1);
    call.pause();
    for (let n = 1; n < requests; n++) send(n);
    call.end();
    let answered = 0;
    const answerAll = () => {
      for (; answered < asked.length; answered++)
        asked[answered]?.answer(CancelTasksByDeviceResponse.fromPartial({ results }));
    };
    await until(() => {
      answerAll();
      return server().call.writableNeedDrain;
    });
    await roundTrip();
    answerAll();
    const taken = asked.length;
    expect(taken).toBeLessThan(requests / 2);
    for (let n = 0; n < 5; n++) await roundTrip();
    expect(asked).toHaveLength(taken);
    call.resume();
    await until(() => {
      answerAll();
      return sequences().length === requests;
    });
    expect(await ended).toEqual({ code: status.OK });
    expect(sequences().toSorted((a, b) => a - b)).toEqual(Array.from({ length: requests }, (_, n) => n));
  });

  it("lets everything that waits leave when its client leaves", async () => {
    const { call, send, asked, arrived, clock, isOver } = await setUp();
    for (let n = 0; n < 3; n++) send(n);
    await arrived(3);
    asked[1]?.answer();
    call.cancel();
    await until(isOver);
    expect(asked.filter(({ aborted }) => aborted).length).toBeGreaterThanOrEqual(2);
    expect(clock.armed).toBe(0);
  });

  it("lets everything that waits leave when its client sends what is no message", async () => {
    const { call, send, asked, arrived, ended, isOver } = await setUp();
    send(1);
    await arrived(1);
    const { encode } = StreamCancelTasksByDeviceRequest;
    onTestFinished(() => {
      StreamCancelTasksByDeviceRequest.encode = encode;
    });
    StreamCancelTasksByDeviceRequest.encode = () => ({ finish: () => Buffer.from([0xff, 0xff]) }) as never;
    send(2);
    expect(await ended).toMatchObject({ code: status.INTERNAL });
    await until(isOver);
    expect(asked.map(({ aborted }) => aborted)).toEqual([true]);
    call.cancel();
  });

  describe("while the queue is full", () => {
    it("waits for room instead of failing, reads nothing meanwhile, and goes on when there is some", async () => {
      const { call, send, asked, arrived, refusals, roundTrip, answers, ended, clock } = await setUp();
      let tries = 0;
      refusals.next = () => {
        tries++;
        return new GatewayError(FULL, { retryAfterMs: 300 });
      };
      send(1);
      send(2);
      call.end();
      await until(() => tries === 1);
      await roundTrip();
      await clock.advance(299);
      expect(tries).toBe(1);
      await clock.advance(1);
      expect(tries).toBe(2);
      await clock.advance(900);
      expect([tries, asked.length, answers.length]).toEqual([5, 0, 0]);
      refusals.next = undefined;
      await clock.advance(300);
      await arrived(2);
      for (const one of asked) one.answer();
      expect(await ended).toEqual({ code: status.OK });
    });

    it("says so when the stream's deadline comes (was: nothing)", async () => {
      const { send, answers, refusals, clock, call } = await setUp({ deadlineMs: 60_000 });
      let tries = 0;
      refusals.next = () => {
        tries++;
        return new GatewayError(FULL, { retryAfterMs: 50_000 });
      };
      send(1);
      await until(() => tries === 1);
      await clock.advance(59_900);
      await until(() => answers.length === 1);
      expect(answers.map(resultOf)).toEqual(["RESOURCE_EXHAUSTED the queue is full"]);
      call.cancel();
    });

    it("does not hold up a drain (was: until it would have asked again)", async () => {
      const { send, answers, refusals, ended, server, clock } = await setUp();
      let tries = 0;
      refusals.next = () => {
        tries++;
        return new GatewayError(FULL, { retryAfterMs: 50_000 });
      };
      send(1);
      await until(() => tries === 1);
      refusals.next = () => new GatewayError(DRAINING);
      server().stream.drain();
      expect(await ended).toMatchObject({ code: status.UNAVAILABLE });
      expect(answers.map(resultOf)).toEqual(["UNAVAILABLE this gateway is shutting down"]);
      expect(clock.armed).toBe(0);
    });

    it("leaves with its client", async () => {
      const { call, send, refusals, isOver, clock, unheard } = await setUp();
      let tries = 0;
      refusals.next = () => {
        tries++;
        return new GatewayError(FULL, { retryAfterMs: 50_000 });
      };
      send(1);
      await until(() => tries === 1);
      call.cancel();
      await until(isOver);
      expect(clock.armed).toBe(0);
      expect(unheard).toMatchObject([{ failure: { kind: "aborted" } }]); // and is in the audit log all the same
    });
  });

  describe("when it drains", () => {
    it("reads nothing more, answers what it has read, and ends as unavailable with a hint", async () => {
      const { send, asked, arrived, roundTrip, sequences, ended, server } = await setUp();
      send(1);
      send(2);
      await arrived(2);
      server().stream.drain();
      send(3);
      await roundTrip();
      asked[1]?.answer();
      asked[0]?.answer();
      const failure = readFailure((await ended) as ServiceError);
      expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING", domain: "ota.v1", retryAfterMs: 1234 });
      expect(failure.pushback).toBe("1234");
      expect(sequences()).toEqual([2, 1]);
      expect(asked).toHaveLength(2);
    });

    it("ends at once if nothing waits", async () => {
      const { send, asked, arrived, sequences, ended, server } = await setUp();
      send(1);
      await arrived(1);
      asked[0]?.answer();
      await until(() => sequences().length === 1);
      server().stream.drain();
      expect(readFailure((await ended) as ServiceError)).toMatchObject({ code: "UNAVAILABLE", reason: "DRAINING" });
    });
  });
});
