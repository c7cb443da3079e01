import {
  credentials,
  Server,
  ServerCredentials,
  type ServerInterceptingCall,
  type ServerInterceptor,
} from "@grpc/grpc-js";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  GetQuotaRequest,
  GetQuotaResponse,
  OtaServiceClient,
  OtaServiceService,
} from "../../../../src/gen/ota/v1/ota_service.js";
import type { GuardedStream } from "../../../../src/grpc/transport/guarded-stream.js";
import { type LinkedCall, linkStream, streamOf } from "../../../../src/grpc/transport/stream-of-call.js";

const aStream = () => ({}) as GuardedStream;

describe("streamOf", () => {
  it("finds in a handler of grpc-js the stream that an interceptor linked to that call, and to no other", async () => {
    const linked: GuardedStream[] = [];
    const found: unknown[] = [];
    const interceptor: ServerInterceptor = (_method, call) => {
      const stream = aStream();
      linked.push(stream);
      linkStream(call, stream);
      return call as ServerInterceptingCall;
    };
    const getQuota = (call: LinkedCall, callback: (error: null, answer: GetQuotaResponse) => void) => {
      found.push(streamOf(call));
      callback(null, GetQuotaResponse.fromPartial({}));
    };
    const server = new Server({ interceptors: [interceptor] });
    server.addService(OtaServiceService, { getQuota });
    const port = await new Promise((resolve) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_, bound) => resolve(bound)),
    );
    const client = new OtaServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
    onTestFinished(() => {
      client.close();
      server.forceShutdown();
    });
    for (let n = 0; n < 2; n++) {
      await new Promise((resolve) => client.getQuota(GetQuotaRequest.fromPartial({}), resolve));
    }
    expect(linked).toHaveLength(2);
    expect(found[0]).toBe(linked[0]);
    expect(found[1]).toBe(linked[1]);
  });

  it("finds nothing where there is no gate", () => {
    expect(streamOf({ getMetricsRecorder: () => ({}) })).toBeUndefined();
  });
});

describe("linkStream", () => {
  it("refuses to link two streams to one recorder", () => {
    const recorder = {};
    const call = { getMetricsRecorder: () => recorder };
    linkStream(call, aStream());
    expect(() => linkStream(call, aStream())).toThrow("the same metrics recorder");
  });
});
