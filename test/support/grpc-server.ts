// Starts a real gRPC server with only the services that a test needs, on a free port, until the
// test is over.
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { onTestFinished } from "vitest";

/** Resolves with its address. */
export async function listenGrpc(
  ...services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[]
): Promise<string> {
  const server = new Server();
  for (const [definition, implementation] of services) server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}
