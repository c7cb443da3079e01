// Says how to find a stop again that the gateway goes on with, or may go on with: by its name if it
// is known, and with the flags that lead to the gateway.
import { visible } from "../../base/visible-text.js";
import { shellQuoted } from "../terminal/shell-quoted.js";

const GATEWAY_FLAGS = ["address", "caller", "tls", "ca", "cert", "key", "serverName", "tokenFile"] as const;

type Given = Readonly<Partial<Record<(typeof GATEWAY_FLAGS)[number], string | true>>>;

export function goesOnText(name: string, given: Given): string {
  const it = commandEnd(name, given);
  return `\nThe gateway knows it as ${visible(name)}:\n  ota-gateway operations wait ${it}\n  ota-gateway operations stop ${it}\n`;
}

/** For an order whose answer was not awaited, or was lost. */
export function mayGoOnText(given: Given): string {
  return `\nWhether the gateway has the stop is not known here. It has if it lists it:\n  ota-gateway operations list ${commandEnd("--running", given)}\n`;
}

function commandEnd(first: string, given: Given): string {
  const flags = GATEWAY_FLAGS.flatMap((flag) => {
    const [option, value] = [`--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, given[flag]];
    return value === undefined ? [] : value === true ? [option] : [option, value];
  });
  return visible([first, ...flags].map(shellQuoted).join(" "));
}
