// Requests as a client signs them, before they are on a wire: tests bend them one field at a time.
import { createHash } from "node:crypto";
import type { ReceivedRequest } from "../../../src/emulator/protocol/wire.js";
import { authorizationV3, signV1 } from "../../../src/upstream/signature.js";

export interface Unsigned {
  readonly method?: "GET" | "POST";
  readonly host?: string;
  readonly action?: string;
  /** Wall clock of the signature. */
  readonly epochMs: number;
  readonly nonce?: string;
  readonly accessKeyId?: string;
  readonly accessKeySecret?: string;
  readonly securityToken?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
}

/** A request with a V3 signature. */
export function signedV3(unsigned: Unsigned): ReceivedRequest {
  const { method = "POST", query = {}, accessKeyId = "testid", accessKeySecret = "testsecret" } = unsigned;
  const body = bodyOf(unsigned);
  const bodySha256 = createHash("sha256").update(body).digest("hex");
  const headers: Record<string, string> = {
    host: unsigned.host ?? "127.0.0.1:8088",
    "x-acs-action": unsigned.action ?? "CancelOTATaskByDevice",
    "x-acs-version": "2018-01-20",
    "x-acs-date": timestamp(unsigned.epochMs),
    "x-acs-signature-nonce": unsigned.nonce ?? newNonce(),
    "x-acs-content-sha256": bodySha256,
    ...(unsigned.securityToken && { "x-acs-security-token": unsigned.securityToken }),
    ...(unsigned.form && { "content-type": "application/x-www-form-urlencoded" }),
  };
  const request = { method, path: "/", query: Object.entries(query), headers, bodySha256 };
  const authorization = authorizationV3(request, accessKeyId, accessKeySecret);
  return wire(unsigned, method, Object.entries(query), { ...headers, authorization }, body);
}

/** A request with a V1 signature, its common parameters in the query. */
export function signedV1(unsigned: Unsigned): ReceivedRequest {
  const { method = "GET", accessKeyId = "testid", accessKeySecret = "testsecret" } = unsigned;
  const query = {
    AccessKeyId: accessKeyId,
    Action: unsigned.action ?? "CancelOTATaskByDevice",
    Format: "JSON",
    SignatureMethod: "HMAC-SHA1",
    SignatureNonce: unsigned.nonce ?? newNonce(),
    SignatureVersion: "1.0",
    Timestamp: timestamp(unsigned.epochMs),
    Version: "2018-01-20",
    ...(unsigned.securityToken && { SecurityToken: unsigned.securityToken }),
    ...unsigned.query,
  };
  const Signature = signV1(method, Object.entries({ ...query, ...unsigned.form }), accessKeySecret);
  const headers = {
    host: unsigned.host ?? "127.0.0.1:8088",
    ...(unsigned.form && { "content-type": "application/x-www-form-urlencoded" }),
  };
  return wire(unsigned, method, Object.entries({ ...query, Signature }), headers, bodyOf(unsigned));
}

/** The parameters that cancel these devices of the seeded fleet. */
export function cancelParameters(...deviceNames: string[]): Record<string, string> {
  const numbered = deviceNames.map((name, index) => [`DeviceName.${index + 1}`, name]);
  return { ProductKey: "a1EmulatorPk", FirmwareId: "EmulatedFirmware0000030100", ...Object.fromEntries(numbered) };
}

function wire(
  { form = {} }: Unsigned,
  method: string,
  query: [string, string][],
  headers: Record<string, string>,
  body: Buffer,
): ReceivedRequest {
  return { method, path: "/", query, form: Object.entries(form), headers, body };
}

function bodyOf({ form }: Unsigned): Buffer {
  return Buffer.from(form ? new URLSearchParams(form).toString() : "");
}

let nonces = 0;

function newNonce(): string {
  return `nonce-${++nonces}`;
}

function timestamp(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}
