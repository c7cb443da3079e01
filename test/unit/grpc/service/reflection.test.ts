import { Duplex } from "node:stream";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ServerReflectionService } from "../../../../src/gen/grpc/reflection/v1/reflection.js";
import { ServerReflectionService as ServerReflectionServiceV1Alpha } from "../../../../src/gen/grpc/reflection/v1alpha/reflection.js";
import { serverReflectionInfo } from "../../../../src/grpc/service/reflection.js";
import { type Reply, reflect } from "../../../support/grpc-reflection.js";
import { listenGrpc } from "../../../support/grpc-server.js";

const SERVICES = [
  "google.longrunning.Operations",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
  "ota.v1.OtaService",
];

async function ask(...questions: Parameters<typeof reflect>[2][]): Promise<Reply[]> {
  const address = await listenGrpc([ServerReflectionService, { serverReflectionInfo }]);
  return reflect(address, "v1", ...questions);
}

function symbol(fileContainingSymbol: string): Promise<Reply[]> {
  return ask({ $case: "fileContainingSymbol", fileContainingSymbol });
}

/** Names of the files of an answer, in order. */
function filesOf(reply: Reply | undefined): string[] {
  if (reply?.$case !== "fileDescriptorResponse") return [];
  return reply.fileDescriptorResponse.fileDescriptorProto.map(
    (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
  );
}

const NOT_FOUND = { $case: "errorResponse", errorResponse: { errorCode: 5, errorMessage: "not found" } };

describe("serverReflectionInfo", () => {
  it.each(["v1", "v1alpha"] as const)("lists every service over %s", async (version) => {
    const address = await listenGrpc(
      [ServerReflectionService, { serverReflectionInfo }],
      [ServerReflectionServiceV1Alpha, { serverReflectionInfo }],
    );
    const [reply] = await reflect(address, version, { $case: "listServices", listServices: "" });
    expect(reply).toEqual({
      $case: "listServicesResponse",
      listServicesResponse: { service: SERVICES.map((name) => ({ name })) },
    });
  });

  it("answers a file together with all it imports, itself first", async () => {
    const [reply] = await ask({ $case: "fileByFilename", fileByFilename: "ota/v1/ota_service.proto" });
    const files = filesOf(reply);
    expect(files[0]).toBe("ota/v1/ota_service.proto");
    expect(files.toSorted()).toEqual([
      "google/api/annotations.proto",
      "google/api/client.proto",
      "google/api/field_behavior.proto",
      "google/api/http.proto",
      "google/api/launch_stage.proto",
      "google/api/resource.proto",
      "google/longrunning/operations.proto",
      "google/protobuf/any.proto",
      "google/protobuf/descriptor.proto",
      "google/protobuf/duration.proto",
      "google/protobuf/empty.proto",
      "google/protobuf/timestamp.proto",
      "google/rpc/status.proto",
      "ota/v1/ota_service.proto",
    ]);
  });

  it.each([
    ["a service", "ota.v1.OtaService"],
    ["a method", "ota.v1.OtaService.CancelTasksByDevice"],
    ["a message", "ota.v1.DeviceResult"],
    ["a field", "ota.v1.DeviceResult.device_name"],
    ["an enum", "ota.v1.Priority"],
    ["an enum value, which is its enum's sibling", "ota.v1.PRIORITY_URGENT"],
  ])("finds the file of %s", async (_, name) => {
    expect(filesOf((await symbol(name))[0])[0]).toBe("ota/v1/ota_service.proto");
  });

  it("finds the messages of error details, which no file of ours imports", async () => {
    expect(filesOf((await symbol("google.rpc.ErrorInfo"))[0])[0]).toBe("google/rpc/error_details.proto");
  });

  it.each(["ota.v1.Nope", "ota.v1.OtaService.Nope", "ota.v1.DeviceResult.nope", "ota.v1", "", ".", "toString"])(
    "does not know the symbol %j",
    async (name) => {
      expect(await symbol(name)).toEqual([NOT_FOUND]);
    },
  );

  it("does not know other files, and no extensions of ours", async () => {
    const extension = { containingType: "ota.v1.DeviceResult", extensionNumber: 100 };
    expect(
      await ask(
        { $case: "fileByFilename", fileByFilename: "nope.proto" },
        { $case: "fileContainingExtension", fileContainingExtension: extension },
        { $case: "allExtensionNumbersOfType", allExtensionNumbersOfType: "ota.v1.Nope" },
        { $case: "allExtensionNumbersOfType", allExtensionNumbersOfType: "ota.v1.DeviceResult" },
      ),
    ).toEqual([
      NOT_FOUND,
      NOT_FOUND,
      NOT_FOUND,
      {
        $case: "allExtensionNumbersResponse",
        allExtensionNumbersResponse: { baseTypeName: "ota.v1.DeviceResult", extensionNumber: [] },
      },
    ]);
  });

  it("finds the option that names the types of an operation", async () => {
    const containingType = "google.protobuf.MethodOptions";
    const [file, numbers] = await ask(
      { $case: "fileContainingExtension", fileContainingExtension: { containingType, extensionNumber: 1049 } },
      { $case: "allExtensionNumbersOfType", allExtensionNumbersOfType: containingType },
    );
    expect(filesOf(file)[0]).toBe("google/longrunning/operations.proto");
    expect(numbers).toMatchObject({ allExtensionNumbersResponse: { extensionNumber: expect.arrayContaining([1049]) } });
  });

  it("answers question after question on one stream", async () => {
    const replies = await ask(
      { $case: "fileContainingSymbol", fileContainingSymbol: "ota.v1.Nope" },
      { $case: "listServices", listServices: "*" },
    );
    expect(replies.map(({ $case }) => $case)).toEqual(["errorResponse", "listServicesResponse"]);
  });

  it("stops reading a client that does not read its answers: each answer takes a thousand times the room of its question", async () => {
    const fileByFilename = "ota/v1/ota_service.proto";
    const questions = Array.from({ length: 1000 }, () => ({
      host: "",
      messageRequest: { $case: "fileByFilename" as const, fileByFilename },
    }));
    const waiting: unknown[] = [];
    const call = new Duplex({
      objectMode: true,
      read() {
        this.push(questions.pop() ?? null);
      },
      write: (answer) => void waiting.push(answer), // never done
    });
    serverReflectionInfo(call as unknown as Parameters<typeof serverReflectionInfo>[0]);
    for (let turns = 0; turns < 2000; turns++) await new Promise(setImmediate);
    expect(waiting.length + call.writableLength).toBeLessThan(40);
  });
});
