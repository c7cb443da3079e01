// A stranger that opens TLS connections from an address of its own and closes each after its
// handshake, as fast as it can. Runs in a process of its own, so that its cost is not counted as
// the measurer's.
import { connect } from "node:tls";

const [address = "", atOnce = "200"] = process.argv.slice(2);
const port = Number(address.split(":").at(-1));
const counts = { made: 0, failed: 0 };

for (let n = 0; n < Number(atOnce); n++) open();
process.on("message", () => process.send?.(counts));
process.on("disconnect", () => process.exit());
process.send?.("flooding");

function open(): void {
  const options = { host: "127.0.0.1", port, localAddress: "127.0.0.2", ALPNProtocols: ["h2"] };
  const socket = connect({ ...options, rejectUnauthorized: false }, () => {
    counts.made++;
    socket.destroy();
  });
  socket.on("error", () => counts.failed++).on("close", () => setImmediate(open));
}
