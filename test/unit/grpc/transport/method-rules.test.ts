import { describe, expect, it } from "vitest";
import { OperationsService } from "../../../../src/gen/google/longrunning/operations.js";
import { OtaServiceService } from "../../../../src/gen/ota/v1/ota_service.js";
import { MethodRules, ourMethodOf } from "../../../../src/grpc/transport/method-rules.js";

const METHODS = [...Object.values(OtaServiceService), ...Object.values(OperationsService)];

describe("ourMethodOf", () => {
  it("names every method that callers of the gateway use, and no other", () => {
    for (const { path } of METHODS) expect(ourMethodOf(path)).toBe(path.slice(1));
    expect(ourMethodOf("/ota.v1.OtaService/Other")).toBeUndefined();
    expect(ourMethodOf("/grpc.health.v1.Health/Check")).toBeUndefined();
  });
});

describe("MethodRules", () => {
  it("lets clients send several messages where the contract has a stream, and nowhere else", () => {
    const rules = new MethodRules(1000);
    for (const { path, requestStream } of METHODS)
      expect([path, rules.of(path).isStream]).toEqual([path, requestStream]);
  });
});
