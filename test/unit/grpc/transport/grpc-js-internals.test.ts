import type { Server as NetServer } from "node:net";
import { Server } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { boundHeaders, checkHandle, guardedInjector } from "../../../../src/grpc/transport/grpc-js-internals.js";

const BOUNDS = { maxHeaderListPairs: 64, maxHeaderListSize: 16_384 };

describe("grpc-js's private fields", () => {
  it("are refused when they are gone, with the versions that were tested (was: every rpc refused, or none bounded)", () => {
    const told = /has no .*, which the gateway needs.*; it was tested with @grpc\/grpc-js 1\.14\.7 on Node 24/;
    expect(() => boundHeaders({} as Server, BOUNDS)).toThrow(told);
    const renamed = Object.assign(new Server({ "grpc.max_concurrent_streams": 1 }), { http2Servers: undefined });
    expect(() => guardedInjector(renamed, () => {})).toThrow();
    expect(() => checkHandle({ _handle: {} } as unknown as NetServer)).toThrow(told);
  });

  it("are there", () => {
    const server = new Server({ "grpc.max_concurrent_streams": 1 });
    boundHeaders(server, BOUNDS);
    guardedInjector(server, () => {}).destroy();
  });
});
