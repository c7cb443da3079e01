// A small certificate authority for tests of TLS: certificates for servers and clients, valid and
// invalid ones. Keys are new in every run.
import { generateKeyPairSync, hash, type KeyObject, sign } from "node:crypto";
import { bits, der, integer, octets, oid, sequence, set, time, utf8, yes } from "./der.js";

/** The content of a certificate about its holder. */
export interface Subject {
  readonly commonName?: string;
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** The period of validity, in ms from now; by default a day in both directions. */
  readonly beginsInMs?: number;
  readonly endsInMs?: number;
}

/** Both in PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthority {
  /** The authority's own certificate, in PEM. */
  readonly cert: string;
  issue(subject: Subject): Pair;
}

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
const COMMON_NAME = "2.5.4.3";
const ALTERNATIVE_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";

export function createCertificateAuthority(name = "test authority"): CertificateAuthority {
  const keys = newKeys();
  const self = { commonName: name };
  const isAuthority = sequence(oid(BASIC_CONSTRAINTS), yes, octets(sequence(yes)));
  return {
    cert: certificate(self, keys.publicKey, name, keys.privateKey, [isAuthority]),
    issue(subject) {
      const own = newKeys();
      const alternatives = [
        ...(subject.uris ?? []).map((uri) => der(0x86, Buffer.from(uri))),
        ...(subject.dns ?? []).map((each) => der(0x82, Buffer.from(each))),
      ];
      const extensions =
        alternatives.length > 0 ? [sequence(oid(ALTERNATIVE_NAME), octets(sequence(...alternatives)))] : [];
      return {
        cert: certificate(subject, own.publicKey, name, keys.privateKey, extensions),
        key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

/** A certificate signed with its own key. */
export function selfSigned(subject: Subject): Pair {
  const keys = newKeys();
  return {
    cert: certificate(subject, keys.publicKey, subject.commonName ?? "", keys.privateKey, []),
    key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function newKeys() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

function certificate(
  { commonName, beginsInMs = -DAY_MS, endsInMs = DAY_MS }: Subject,
  publicKey: KeyObject,
  issuer: string,
  issuerKey: KeyObject,
  extensions: readonly Buffer[],
): string {
  const nowMs = Date.now();
  const spki = publicKey.export({ type: "spki", format: "der" });
  const serial = Buffer.concat([Buffer.from([1]), hash("sha256", spki, "buffer").subarray(0, 15)]);
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serial),
    ECDSA_WITH_SHA256,
    named(issuer),
    sequence(time(nowMs + beginsInMs), time(nowMs + endsInMs)),
    named(commonName),
    spki,
    ...(extensions.length > 0 ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signed = sequence(toBeSigned, ECDSA_WITH_SHA256, bits(sign("sha256", toBeSigned, issuerKey)));
  const lines = signed.toString("base64").replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function named(commonName: string | undefined): Buffer {
  if (commonName === undefined) return sequence();
  return sequence(set(sequence(oid(COMMON_NAME), utf8(commonName))));
}
