// A gRPC client that knows only the reflection service: it asks for descriptors, and builds all
// other clients from them at run time.
import {
  create,
  createFileRegistry,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  makeGenericClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  ServerReflectionClient,
  type ServerReflectionRequest,
  type ServerReflectionResponse,
} from "../../src/gen/grpc/reflection/v1/reflection.js";
import { ServerReflectionClient as ServerReflectionClientV1Alpha } from "../../src/gen/grpc/reflection/v1alpha/reflection.js";

const CLIENTS = { v1: ServerReflectionClient, v1alpha: ServerReflectionClientV1Alpha };
export type ReflectionVersion = keyof typeof CLIENTS;

type Question = NonNullable<ServerReflectionRequest["messageRequest"]>;
export type Reply = NonNullable<ServerReflectionResponse["messageResponse"]>;

/** The answers to these questions, in order, on one stream. */
export async function reflect(address: string, version: ReflectionVersion, ...questions: Question[]): Promise<Reply[]> {
  const client = new CLIENTS[version](address, credentials.createInsecure() as ChannelCredentials);
  const stream: ClientDuplexStream<ServerReflectionRequest, ServerReflectionResponse> = client.serverReflectionInfo();
  const replies: Reply[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      stream.on(
        "data",
        ({ messageResponse }: ServerReflectionResponse) => messageResponse && replies.push(messageResponse),
      );
      stream.on("error", reject);
      stream.on("end", resolve);
      for (const messageRequest of questions) stream.write({ host: "", messageRequest });
      stream.end();
    });
  } finally {
    client.close();
  }
  return replies;
}

/** All descriptors that the file of this symbol needs. */
export async function descriptorsOf(
  address: string,
  version: ReflectionVersion,
  symbol: string,
): Promise<FileRegistry> {
  const [reply] = await reflect(address, version, { $case: "fileContainingSymbol", fileContainingSymbol: symbol });
  if (reply?.$case !== "fileDescriptorResponse") throw new Error(`no descriptors: ${JSON.stringify(reply)}`);
  const file = reply.fileDescriptorResponse.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
  return createFileRegistry(create(FileDescriptorSetSchema, { file: dependenciesFirst(file) }));
}

/** Calls a unary method with JSON, as grpcurl does. */
export function callByName(
  address: string,
  registry: FileRegistry,
  service: string,
  method: string,
  request: JsonValue,
): Promise<JsonValue> {
  const descriptor = registry.getService(service)?.methods.find(({ name }) => name === method);
  if (!descriptor) throw new Error(`no method ${service}/${method}`);
  const Client = makeGenericClientConstructor({ [method]: definitionOf(descriptor, registry) }, service);
  const client = new Client(address, credentials.createInsecure());
  return new Promise<JsonValue>((resolve, reject) => {
    client[method]?.(request, (error: ServiceError | null, response: JsonValue) =>
      error ? reject(error) : resolve(response),
    );
  }).finally(() => client.close());
}

function definitionOf({ parent, name, input, output }: DescMethod, registry: FileRegistry) {
  return {
    path: `/${parent.typeName}/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (json: JsonValue) => Buffer.from(toBinary(input, fromJson(input, json, { registry }))),
    requestDeserialize: (bytes: Buffer) => toJson(input, fromBinary(input, bytes), { registry }),
    responseSerialize: (json: JsonValue) => Buffer.from(toBinary(output, fromJson(output, json, { registry }))),
    responseDeserialize: (bytes: Buffer) => toJson(output, fromBinary(output, bytes), { registry }),
  };
}

function dependenciesFirst<T extends { readonly name: string; readonly dependency: readonly string[] }>(
  files: readonly T[],
): T[] {
  const ordered = new Set<T>();
  const add = (name: string) => {
    const file = files.find((each) => each.name === name);
    if (!file || ordered.has(file)) return;
    file.dependency.forEach(add);
    ordered.add(file);
  };
  for (const { name } of files) add(name);
  return [...ordered];
}
