// Compressed requests are not taken. grpc-js unpacks every message of every stream as soon as it is there, all at
// once and each up to the size limit: four kilobytes became four megabytes, and some hundred streams of one client
// more than a gigabyte. No request is long enough to need compression.
import { Metadata, ServerInterceptingCall, type ServerInterceptor, status } from "@grpc/grpc-js";

/** Refuses an rpc that says it compresses its messages, before any of them is read. */
export const uncompressedOnly: ServerInterceptor = (_method, call) => {
  // Nothing is to be intercepted then, and grpc-js asks no more of what it is given than the interface: a call of
  // ServerInterceptingCall's own would pass each event of each rpc through another layer.
  if (encodingOf(call) === "identity") return call as ServerInterceptingCall;
  const metadata = new Metadata();
  metadata.set("grpc-accept-encoding", "identity");
  // The status that gRPC has for an encoding that a server does not know.
  const refusal = { code: status.UNIMPLEMENTED, details: "compressed requests are not accepted", metadata };
  return new ServerInterceptingCall(call, { start: () => call.sendStatus(refusal) });
};

/** What grpc-js read from a header and hides from everybody else. Were it renamed, every rpc would be refused. */
function encodingOf(call: object): unknown {
  return "incomingEncoding" in call ? call.incomingEncoding : undefined;
}
