// The standard health service. The server and OtaService share one status, and watchers are
// notified when it changes.
import { type ServerWritableStream, status } from "@grpc/grpc-js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health.js";
import { undecoded } from "../wire/decoding.js";

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<Watcher>();
  #status = ServingStatus.SERVING;
  #hasEnded = false;

  /** `services`: full names. The empty name, for the whole server, is always known. */
  constructor(services: readonly string[]) {
    this.#services = new Set(["", ...services]);
  }

  /** Reports NOT_SERVING from now on. */
  stopServing(): void {
    this.#status = ServingStatus.NOT_SERVING;
    for (const watcher of this.#watchers) {
      if (this.#services.has(watcher.request.service)) watcher.write({ status: this.#status });
    }
  }

  /** Ends all watches, which would keep the server from shutting down. */
  endWatches(): void {
    this.#hasEnded = true;
    for (const watcher of this.#watchers) watcher.end();
  }

  readonly service: HealthServer = {
    check: (call, callback) => {
      const error = undecoded(call.request);
      if (error) callback(error);
      else if (this.#services.has(call.request.service)) callback(null, { status: this.#status });
      else callback({ code: status.NOT_FOUND, details: "no such service" });
    },
    list: (call, callback) => {
      const error = undecoded(call.request);
      if (error) return callback(error);
      const entries = [...this.#services].map((name) => [name, { status: this.#status }] as const);
      callback(null, { statuses: Object.fromEntries(entries) });
    },
    watch: (call) => {
      const error = undecoded(call.request);
      if (error) return void call.emit("error", error);
      // By the protocol the watch of an unknown service stays open, although nothing more will be
      // sent.
      const known = this.#services.has(call.request.service);
      call.write({ status: known ? this.#status : ServingStatus.SERVICE_UNKNOWN });
      if (this.#hasEnded) return void call.end(); // its headers came before, and its request only now
      this.#watchers.add(call);
      call.on("cancelled", () => this.#watchers.delete(call));
      call.on("close", () => this.#watchers.delete(call));
    },
  };
}
