import { readFileSync } from "node:fs";
import type { Server as NetServer } from "node:net";
import { Server } from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { boundHeaders, checkHandle, guardedInjector } from "../../../../src/grpc/transport/grpc-js-internals.js";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

const BOUNDS = { maxHeaderListPairs: 64, maxHeaderListSize: 16_384 };

describe("grpc-js's private fields", () => {
  it("are refused when they are gone, with the versions that were tested (was: every rpc refused, or none bounded)", () => {
    // Those that the tests run on, so that a new release is not taken up without a look at these fields.
    const { dependencies, engines } = JSON.parse(readFileSync("package.json", "utf8")) as Manifest;
    const tested = `@grpc/grpc-js ${dependencies["@grpc/grpc-js"]} on Node ${Number.parseInt(engines.node.slice(2), 10)}`;
    const told = new RegExp(`has no .*, which the gateway needs.*; it was tested with ${tested}:`);
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
