// The contract says of every request field whether it is required, and comments on every element.
import { execFileSync } from "node:child_process";
import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  getOption,
  hasOption,
  type Registry,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ListOperationResultsRequest, StopRolloutRequest } from "../../src/gen/ota/v1/ota_service.js";

const BUF = ["node_modules/@bufbuild/buf/bin/buf", "build", "--as-file-descriptor-set", "-o", "-"];
const image = execFileSync(process.execPath, BUF, { maxBuffer: 1 << 26 });
const registry: Registry & ReturnType<typeof createFileRegistry> = createFileRegistry(
  fromBinary(FileDescriptorSetSchema, image),
);
const file = registry.getFile("ota/v1/ota_service.proto");
const behavior = registry.getExtension("google.api.field_behavior");
if (!file || !behavior) throw new Error("the contract or its annotations are not in the image");

/** Paths of the descriptor that have a comment before them. */
const commented = new Set(
  file.proto.sourceCodeInfo?.location.flatMap(({ path, leadingComments }) =>
    leadingComments.trim() === "" ? [] : [path.join(".")],
  ),
);

/** Name and path of a message and all its members, as descriptor.proto numbers them. */
function elementsOf(message: DescMessage["proto"], path: string): [string, string][] {
  const members: [string, string][] = [
    [message.name, path],
    ...message.field.map((each, at): [string, string] => [`${message.name}.${each.name}`, `${path}.2.${at}`]),
    ...message.nestedType.flatMap((each, at) => elementsOf(each, `${path}.3.${at}`)),
  ];
  // A field that is `optional` has a oneof that the compiler makes up.
  message.oneofDecl.forEach((each, at) => {
    const isMadeUp = message.field.some(({ oneofIndex, proto3Optional }) => proto3Optional && oneofIndex === at);
    if (!isMadeUp) members.push([`${message.name}.${each.name}`, `${path}.8.${at}`]);
  });
  return members;
}

describe("ota_service.proto", () => {
  it("says of every request field whether it is required", () => {
    const requests = file.messages.filter(({ name }) => name.endsWith("Request") || name === "CancelSpec");
    const fields = requests.flatMap((message) => message.fields);
    expect(fields.length).toBeGreaterThan(50);
    expect(fields.filter((field) => !hasOption(field, behavior)).map(String)).toEqual([]);
    const required = fields.filter((field) => (getOption(field, behavior) as number[]).includes(2));
    expect(required.map(({ parent, name }) => `${parent.name}.${name}`)).toEqual([
      "CancelTasksByDeviceRequest.product_key",
      "CancelTasksByDeviceRequest.firmware_id",
      "CancelTasksByDeviceRequest.device_names",
      "GetRolloutRequest.product_key",
      "GetRolloutRequest.firmware_id",
      "CancelSpec.product_key",
      "CancelSpec.firmware_id",
      "StopRolloutRequest.product_key",
      "StopRolloutRequest.firmware_id",
      "ListOperationResultsRequest.name",
    ]);
  });

  it("has a comment on every message, field, oneof, enum, value, service and rpc", () => {
    const { messageType, enumType, service } = file.proto;
    const elements = [
      ...messageType.flatMap((each, at) => elementsOf(each, `4.${at}`)),
      ...enumType.flatMap((each, at): [string, string][] => [
        [each.name, `5.${at}`],
        ...each.value.map(({ name }, index): [string, string] => [name, `5.${at}.2.${index}`]),
      ]),
      ...service.flatMap((each, at): [string, string][] => [
        [each.name, `6.${at}`],
        ...each.method.map(({ name }, index): [string, string] => [name, `6.${at}.2.${index}`]),
      ]),
    ];
    expect(elements.filter(([, path]) => !commented.has(path)).map(([name]) => name)).toEqual([]);
  });

  it("keeps repeated enums packed in requests, which annotations alone would undo", () => {
    const states = StopRolloutRequest.encode(StopRolloutRequest.fromPartial({ states: [1, 2] })).finish();
    const outcomes = ListOperationResultsRequest.encode(
      ListOperationResultsRequest.fromPartial({ outcomes: [1, 2] }),
    ).finish();
    expect([...states]).toEqual([66, 2, 1, 2]);
    expect([...outcomes]).toEqual([34, 2, 1, 2]);
  });
});
