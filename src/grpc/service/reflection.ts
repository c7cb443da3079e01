// The standard reflection service (v1 and v1alpha): a generic client can call the gateway without
// the proto files. Answers come from the descriptors that the build puts into gen/image.
import { createFileRegistry, type DescFile, fromBinary, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type { ServerReflectionRequest, ServerReflectionResponse } from "../../gen/grpc/reflection/v1/reflection.js";
import { image } from "../../gen/image.js";
import { undecoded } from "../wire/decoding.js";

type MessageResponse = NonNullable<ServerReflectionResponse["messageResponse"]>;
type Descriptor = NonNullable<ReturnType<Registry["get"]>>;

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(image, "base64")));
const filesBySymbol = new Map(
  [...registry].flatMap((type) => symbolsOf(type).map((symbol) => [symbol, type.file] as const)),
);

/**
 * Answers every request on the stream. The messages of v1 and v1alpha differ in their names only. A
 * request of a few bytes gets kilobytes, so a client that does not read its answers is not read
 * either: they would fill the memory.
 */
export function serverReflectionInfo(
  call: ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>,
): void {
  call.on("data", (request: ServerReflectionRequest) => {
    const error = undecoded(request);
    if (error) {
      call.pause();
      call.emit("error", error);
      return;
    }
    const messageResponse = answerOf(request.messageRequest);
    if (!call.write({ validHost: request.host, originalRequest: request, messageResponse })) call.pause();
  });
  call.on("drain", () => call.resume());
  call.on("end", () => call.end());
}

function answerOf(request: ServerReflectionRequest["messageRequest"]): MessageResponse {
  switch (request?.$case) {
    case "listServices":
      return { $case: "listServicesResponse", listServicesResponse: { service: serviceNames() } };
    case "fileByFilename":
      return filesOf(registry.getFile(request.fileByFilename));
    case "fileContainingSymbol":
      return filesOf(filesBySymbol.get(request.fileContainingSymbol));
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.fileContainingExtension;
      return filesOf(extensionsOf(containingType).find(({ number }) => number === extensionNumber)?.file);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = request.allExtensionNumbersOfType;
      if (!registry.getMessage(baseTypeName)) return notFound();
      const extensionNumber = extensionsOf(baseTypeName).map(({ number }) => number);
      return { $case: "allExtensionNumbersResponse", allExtensionNumbersResponse: { baseTypeName, extensionNumber } };
    }
    default:
      return errorOf(status.INVALID_ARGUMENT, "the request is empty; set one of message_request");
  }
}

function serviceNames(): { name: string }[] {
  return [...registry].flatMap((type) => (type.kind === "service" ? [{ name: type.typeName }] : []));
}

/** The extensions of a message: Google's options, with which methods describe themselves. */
function extensionsOf(typeName: string) {
  return [...registry].flatMap((type) =>
    type.kind === "extension" && type.extendee.typeName === typeName ? [type] : [],
  );
}

/** The full names of a type and its members. Enum values are siblings of their enum. */
function symbolsOf(type: Descriptor): string[] {
  const { typeName } = type;
  switch (type.kind) {
    case "service":
      return [typeName, ...type.methods.map(({ name }) => `${typeName}.${name}`)];
    case "message":
      return [typeName, ...[...type.fields, ...type.oneofs].map(({ name }) => `${typeName}.${name}`)];
    case "enum":
      return [typeName, ...type.values.map(({ name }) => typeName.replace(/[^.]*$/, name))];
    case "extension":
      return [typeName];
  }
}

/** The file and everything it imports, so that a client needs no second request. */
function filesOf(file: DescFile | undefined): MessageResponse {
  if (!file) return notFound();
  const files = new Set<DescFile>();
  const add = (each: DescFile) => {
    if (files.has(each)) return;
    files.add(each);
    each.dependencies.forEach(add);
  };
  add(file);
  const fileDescriptorProto = [...files].map(({ proto }) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
  return { $case: "fileDescriptorResponse", fileDescriptorResponse: { fileDescriptorProto } };
}

function notFound(): MessageResponse {
  return errorOf(status.NOT_FOUND, "not found");
}

function errorOf(errorCode: status, errorMessage: string): MessageResponse {
  return { $case: "errorResponse", errorResponse: { errorCode, errorMessage } };
}
