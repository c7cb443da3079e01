// Imported before the program: loads what `serve` needs, and then holds the program back until
// SIGUSR2. So a gateway can follow its predecessor at once, however busy the machine is.
await import(new URL("../../dist/cli/serve.js", import.meta.url));
await import(new URL("../../dist/serve/serve.js", import.meta.url));
await import(new URL("../../dist/observe/telemetry/sdk.js", import.meta.url));
const goes = new Promise((resolve) => process.once("SIGUSR2", resolve));
const alive = setInterval(() => {}, 60_000);
process.stdout.write("warm\n");
await goes;
clearInterval(alive);
