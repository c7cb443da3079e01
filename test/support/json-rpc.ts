// A client of any rpc of the contract in the JSON form of protobuf, as documents show requests and
// answers. It goes by the descriptors that the gateway ships.

import { createFileRegistry, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { image } from "../../src/gen/image.js";

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(image, "base64")));
const AS_IS = (bytes: Uint8Array) => Buffer.from(bytes);

export interface JsonAnswer {
  readonly answers: readonly JsonValue[];
  /** The google.rpc.Status, if the rpc failed. */
  readonly error?: JsonValue;
}

export interface JsonRpc {
  /** `rpc` is such as `ota.v1.OtaService/GetQuota`. A unary one gets a single request. */
  ask(rpc: string, ...requests: readonly JsonValue[]): Promise<JsonAnswer>;
  close(): void;
}

export function connectJson(grpc: string, headers: Readonly<Record<string, string>> = {}): JsonRpc {
  const client = new Client(grpc, credentials.createInsecure());
  return {
    ask(rpc, ...requests) {
      const [service = "", name = ""] = rpc.split("/");
      const method = registry.getService(service)?.methods.find((each) => each.name === name);
      if (!method) throw new Error(`the contract has no ${rpc}`);
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
      // On the wire, a unary rpc is a stream of one message.
      const call = client.makeBidiStreamRequest(`/${rpc}`, AS_IS, AS_IS, metadata);
      for (const request of requests) call.write(toBinary(method.input, fromJson(method.input, request, { registry })));
      call.end();
      const answers: JsonValue[] = [];
      call.on("data", (bytes: Buffer) =>
        answers.push(toJson(method.output, fromBinary(method.output, bytes), { registry })),
      );
      return new Promise((resolve) => {
        call.on("end", () => resolve({ answers }));
        call.on("error", (error: ServiceError) => resolve({ answers, error: statusOf(error) }));
      });
    },
    close: () => client.close(),
  };
}

function statusOf({ metadata, message }: ServiceError): JsonValue {
  const [details] = metadata.get("grpc-status-details-bin");
  const schema = registry.getMessage("google.rpc.Status");
  if (!schema || !(details instanceof Uint8Array)) throw new Error(`an error without details: ${message}`);
  return toJson(schema, fromBinary(schema, details), { registry });
}
